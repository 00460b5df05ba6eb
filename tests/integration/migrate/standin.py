#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""standin.py - skerry whose checkpoint and restore need no criu

A checkpoint pauses the container, hands its real pages to the page server, or with --lazy-pages leaves all
but the first run of them in the process, and asks on --notify-fd as skerry does; a restore makes the container anew from the bundle, compares the images with what the
checkpoint had, and starts it at the "go".  So exactly one copy runs or doesn't as with criu, on every
kernel.  All other commands are skerry's.

STANDIN_FAIL=dump|restore|late makes that one fail; STANDIN_KILL the same by SIGKILL.
"""
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys

SKERRY = os.environ["SKERRY"]


def split(argv):
    """The global options with their values, and the rest."""
    i = 0
    while i < len(argv) and argv[i].startswith("-"):
        i += 1 if "=" in argv[i] or argv[i] in ("--debug", "--version") else 2
    return argv[:i], argv[i:]


def option(words, name):
    for i, word in enumerate(words):
        if word == name:
            return words[i + 1]
        if word.startswith(name + "="):
            return word[len(name) + 1:]
    return None


def fail(glob, text):
    log = option(glob, "--log")
    if log:
        with open(log, "a") as f:
            f.write(json.dumps({"msg": text}) + "\n")
    sys.stderr.write(text + "\n")
    sys.exit(1)


def broken(what):
    if os.environ.get("STANDIN_KILL") == what:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.environ.get("STANDIN_FAIL") == what


class Steps:
    def __init__(self, number):
        self.sock = socket.socket(fileno=int(number))
        self.sock.set_inheritable(False)
        self.held = False
        self.data = b""

    def line(self):
        while b"\n" not in self.data:
            try:
                more = self.sock.recv(64)
            except OSError:
                more = b""
            if not more:
                return ""
            self.data += more
        line, self.data = self.data.split(b"\n", 1)
        return line.decode()

    def ask(self, name, pid=1):
        try:
            self.sock.sendall(b"%s %d\n" % (name.encode(), pid))
        except OSError:
            return False
        while True:
            answer = self.line()
            if answer == "held":
                self.held = True
                continue
            if answer == "no":
                self.held = False
            return answer == "go"


def run(glob, *words):
    glob = [w for i, w in enumerate(glob)
            if not w.startswith("--log") and (i == 0 or glob[i - 1] != "--log")]
    done = subprocess.run([SKERRY, *glob, *words], stdin=subprocess.DEVNULL)
    return done.returncode


def pid_of(glob, name):
    text = subprocess.run([SKERRY, *glob, "state", name], stdout=subprocess.PIPE).stdout
    return json.loads(text)["pid"]


def pages_of(pid):
    """[(address, bytes)] of what is private and there."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb") as pagemap, \
            open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            word = line.split()
            if word[1][3] != "p" or len(word) > 5 and word[5].startswith("[v"):
                continue
            start, end = (int(x, 16) for x in word[0].split("-"))
            pagemap.seek(start // 4096 * 8)
            entries = pagemap.read((end - start) // 4096 * 8)
            run_at = None
            for i in range(len(entries) // 8 + 1):
                entry = struct.unpack_from("<Q", entries, i * 8)[0] if i < len(entries) // 8 else 0
                wanted = entry >> 62 and not entry >> 61 & 1
                at = start + i * 4096
                if wanted and run_at is None:
                    run_at = at
                if not wanted and run_at is not None:
                    mem.seek(run_at)
                    found.append((run_at, mem.read(at - run_at)))
                    run_at = None
    return found


def note(images, runs):
    """What the restore is to find."""
    digest = hashlib.sha256()
    count = 0
    for address, data in runs:
        for i in range(0, len(data), 4096):
            digest.update(struct.pack("<Q", address + i))
            digest.update(data[i:i + 4096])
            count += 1
    with open(f"{images}/expected", "w") as f:
        f.write(f"{count} {digest.hexdigest()}\n")


def number(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def write_maps(pid, images):
    """As criu with --lazy-pages: the first run is in the image."""
    runs = pages_of(pid)
    with open(f"{images}/pages-7.img", "wb") as f:
        f.write(runs[0][1])
    with open(f"{images}/pagemap-1.img", "wb") as f:
        f.write(struct.pack("<II", 0x54564319, 0x56084025) + struct.pack("<I", 2) + b"\x08\x07")
        for i, (address, data) in enumerate(runs):
            entry = b"\x08" + number(address) + b"\x10" + number(len(data) // 4096) + \
                b"\x20" + number(2 if i else 4)
            f.write(struct.pack("<I", len(entry)) + entry)
    note(images, runs)


def send_pages(number, pid, images):
    sock = socket.socket(fileno=int(number))
    task = 1 << 8 | 1

    def request(command, pages=0, address=0):
        sock.sendall(struct.pack("<IIQQ", command, pages, address, task))

    runs = pages_of(pid)
    request(4)
    assert sock.recv(1) == b"\0"
    for address, data in runs:
        request(6 | 4 << 16, len(data) // 4096, address)
        sock.sendall(data)
    request(0x1023)
    sock.recv(4)
    sock.close()
    note(images, runs)


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return value, at


def check_images(images):
    digest = hashlib.sha256()
    count = 0
    if not os.path.exists(f"{images}/expected"):
        return "no images"
    with open(f"{images}/pagemap-1.img", "rb") as f:
        data = f.read()
    if struct.unpack_from("<II", data) != (0x54564319, 0x56084025):
        return "no pagemap"
    at, number = 8, None
    entries = []
    while at < len(data):
        size = struct.unpack_from("<I", data, at)[0]
        at += 4
        end, field = at + size, {}
        while at < end:
            key, at = varint(data, at)
            field[key >> 3], at = varint(data, at)
        if number is None:
            number = field[1]
        else:
            entries.append((field.get(1, 0), field[2]))
    with open(f"{images}/pages-{number}.img", "rb") as f:
        for address, n in entries:
            for i in range(n):
                digest.update(struct.pack("<Q", address + i * 4096))
                digest.update(f.read(4096))
                count += 1
        if f.read(1):
            return "pages too many"
    with open(f"{images}/expected") as f:
        wanted = f.read()
    got = f"{count} {digest.hexdigest()}\n"
    return None if got == wanted else f"pages differ: {got.strip()} and {wanted.strip()}"


def checkpoint(glob, words):
    steps = Steps(option(words, "--notify-fd"))
    images, name = option(words, "--image-path"), words[-1]
    os.makedirs(images, mode=0o700)
    if not steps.ask("pre-dump") or broken("dump"):
        fail(glob, "criu failed: can't be dumped")
    pid = pid_of(glob, name)
    run(glob, "pause", name)
    ok = steps.ask("network-lock")
    if ok:
        if "--lazy-pages" in words:
            write_maps(pid, images)
        else:
            send_pages(option(words, "--page-server").removeprefix("fd:"), pid, images)
        ok = steps.ask("post-dump")
    if ok:
        sys.exit(run(glob, "delete", "--force", name))
    if not steps.held:
        run(glob, "resume", name)
    fail(glob, "given up")


def restore(glob, words):
    steps = Steps(option(words, "--notify-fd"))
    images, bundle, name = option(words, "--image-path"), option(words, "-b"), words[-1]
    if not steps.ask("images") or not steps.ask("pre-restore") or broken("restore"):
        fail(glob, "criu failed: can't be restored")
    wrong = check_images(images)
    if wrong:
        fail(glob, wrong)
    networks = []
    if os.path.exists(f"{images}/network.json"):
        with open(f"{images}/network.json") as f:
            networks = ["--net=" + n for n in json.load(f).get("networks") or []]
    if run(glob, "create", *networks, "-b", bundle, name) != 0:
        with open(f"{bundle}/log") as f:
            fail(glob, f.read().strip())
    if not steps.ask("post-restore", pid_of(glob, name)) or broken("late"):
        run(glob, "delete", "--force", name)
        fail(glob, "given up")
    sys.exit(run(glob, "start", name))


glob, rest = split(sys.argv[1:])
if rest and rest[0] == "checkpoint":
    checkpoint(glob, rest[1:])
if rest and rest[0] == "restore":
    restore(glob, rest[1:])
if rest and rest[0] == "migrate":
    rest[1:1] = ["--runtime", os.path.realpath(__file__)]
os.execv(SKERRY, [SKERRY, *glob, *rest])
