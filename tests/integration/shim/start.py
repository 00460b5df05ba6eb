# SPDX-License-Identifier: Apache-2.0
"""start, delete, -info and the frames."""
import glob
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import time

import shim
from shim import (SHIM, T, Client, Events, Fifos, Group, fails, inventory, left_behind_nothing, m, main, make_bundle,
                  read_frame, start, test, until)

events = Events(T + "/c.sock.ttrpc")
before = inventory()
env = dict(os.environ, TTRPC_ADDRESS=events.path)


def address_of(group, directory="/run/containerd/s"):
    name = os.path.normpath("%s/c.sock/ns/%s" % (T, group))
    return "unix://%s/%s" % (directory, hashlib.sha256(name.encode()).hexdigest())


def stop(address):
    c = Client(address)
    pid = c.Connect(id="x").shim_pid
    c.Shutdown(id="x")
    until(lambda: not os.path.exists("/proc/%d" % pid))
    return pid


@test("the three handshakes")
def _():
    bundle = make_bundle("h")
    any_ = m.Any(type_url="containerd.runc.v1.Options", value=m.RuncOptions(root="/run/x").SerializeToString())
    for stdin in (b"", any_.SerializeToString()):
        answer = start("h", bundle, stdin, env=env)
        assert answer.decode() == address_of("h"), answer
        assert open(bundle + "/address").read() == address_of("h")
        stop(answer.decode())
    params = m.BootstrapParams(instance_id="h", namespace="ns", log_level=-4, containerd_version="2.3.0",
                               extensions=[m.Extension(value=any_)], socket_dir=T + "/sock")
    r = m.BootstrapResult.FromString(start("h", bundle, params.SerializeToString(), env=env))
    assert (r.version, r.protocol, r.address) == (3, "ttrpc", address_of("h", T + "/sock")), r
    c = Client(r.address, version=3)
    assert b"-debug" in open("/proc/%d/cmdline" % c.Connect(id="h").shim_pid, "rb").read()
    stop(r.address)


@test("what is neither is an error with a text and leaves nothing")
def _():
    bundle = make_bundle("bad")
    for stdin in (b"\xff\xff\xff", b"\x0a\x80"):
        text = start("bad", bundle, stdin, env=env, want=1)
        assert b"standard input" in text, text
    open(bundle + "/config.json", "w").close()
    assert b"config.json" in start("bad", bundle, env=env, want=1)
    assert not glob.glob("/run/containerd/s/*")
    assert not os.path.exists(bundle + "/address")


@test("options of a newer containerd are passed over")
def _():
    bundle = make_bundle("new")
    stop(start("new", bundle, args=["-brand-new", "-other=1", "-id=new", "--debug"], env=env).decode())


@test("the serving process: descriptors, session, names, oom score")
def _():
    g = Group("proc", events)
    fds = {int(fd): os.readlink("/proc/%d/fd/%s" % (g.pid, fd)) for fd in os.listdir("/proc/%d/fd" % g.pid)}
    assert fds[0] == fds[1] == "/dev/null" and fds[2] == g.bundle + "/log", fds
    assert all(v.startswith(("socket:", "anon_inode:")) for fd, v in fds.items() if fd > 2), fds
    assert open("/proc/%d/comm" % g.pid).read() == "containerd-shim\n"
    words = open("/proc/%d/cmdline" % g.pid).read().split("\0")
    assert words[:7] == [SHIM, "-namespace", "ns", "-id", "proc", "-address", T + "/c.sock"], words
    own = int(open("/proc/self/oom_score_adj").read())
    assert int(open("/proc/%d/oom_score_adj" % g.pid).read()) == min(own + 1, 1000)
    assert os.getpgid(g.pid) == g.pid
    assert "Threads:\t1\n" in open("/proc/%d/status" % g.pid).read()
    status = os.stat(g.address.replace("unix://", "")).st_mode & 0o777
    assert status == 0o600, oct(status)
    g.client.Shutdown(id="proc")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))
    assert not os.path.exists(g.address.replace("unix://", ""))


@test("what containerd has with its service manager is not the container's")
def _():
    path = T + "/notify"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    g = Group("notify", events, extra_env={"NOTIFY_SOCKET": path, "LISTEN_FDS": "1", "LISTEN_PID": "1"})
    f = Fifos("notify", stderr=False)
    g.run(args=["sh", "-c", "env; ls /run"], **f.names)
    text = f.read()
    assert b"NOTIFY" not in text and b"LISTEN" not in text and b"notify" not in text, text
    g.client.Wait(id="notify")
    g.end()


@test("groups: runc's annotation before CRI's")
def _():
    one = make_bundle("g1", annotations={"io.kubernetes.cri.sandbox-id": "pod", "io.containerd.runc.v2.group": "grp"})
    two = make_bundle("g2", annotations={"io.kubernetes.cri.sandbox-id": "grp"})
    a = start("g1", one, env=env).decode()
    assert a == address_of("grp")
    pid = Client(a).Connect(id="g1").shim_pid
    assert start("g2", two, env=env).decode() == a
    assert open(two + "/address").read() == a
    assert stop(a) == pid


@test("a socket that nobody serves is taken over")
def _():
    bundle = make_bundle("stale")
    path = address_of("stale").replace("unix://", "")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    stop(start("stale", bundle, env=env).decode())


@test("two starts at once make one shim")
def _():
    bundles = [make_bundle("twin%d" % i, annotations={"io.containerd.runc.v2.group": "twins"}) for i in range(8)]
    children = [subprocess.Popen([SHIM, "-namespace", "ns", "-address", T + "/c.sock", "-id", "twin%d" % i, "start"],
                                 cwd=b, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
                for i, b in enumerate(bundles)]
    answers = {c.communicate()[0].decode() for c in children}
    assert answers == {address_of("twins")}, answers
    pids = subprocess.run(["pgrep", "-f", "^" + SHIM + " .*-id twin"], stdout=subprocess.PIPE).stdout.split()
    assert len(pids) == 1, pids
    stop(answers.pop())


@test("a cgroup for the shim")
def _():
    bundle = make_bundle("grouped")
    os.makedirs("/sys/fs/cgroup/shims", exist_ok=True)
    any_ = m.Any(type_url="containerd.runc.v1.Options", value=m.RuncOptions(shim_cgroup="/shims").SerializeToString())
    a = start("grouped", bundle, any_.SerializeToString(), env=env).decode()
    assert Client(a).Connect(id="x").shim_pid == int(open("/sys/fs/cgroup/shims/cgroup.procs").read())
    pid = stop(a)
    until(lambda: not os.path.exists("/proc/%d" % pid))
    os.rmdir("/sys/fs/cgroup/shims")
    any_ = m.Any(type_url="containerd.runc.v1.Options", value=m.RuncOptions(shim_cgroup="/none").SerializeToString())
    assert b"cgroup" in start("grouped", bundle, any_.SerializeToString(), env=env, want=1)
    assert not glob.glob("/run/containerd/s/*")


@test("-v and -info")
def _():
    out = subprocess.run([SHIM, "-v"], stdout=subprocess.PIPE, check=True).stdout
    assert b"Version:" in out
    assert b"usage:" in subprocess.run([SHIM, "-help"], stdout=subprocess.PIPE, check=True).stdout
    any_ = m.Any(type_url="x", value=b"y")
    for stdin in (b"", any_.SerializeToString()):
        out = subprocess.run([SHIM, "-info"], input=stdin, stdout=subprocess.PIPE, check=True).stdout
        info = m.RuntimeInfo.FromString(out)
        assert info.name == "io.containerd.skerry.v2" and info.version.version
        assert info.features.type_url == "types.containerd.io/opencontainers/runtime-spec/1/features/Features"
        features = json.loads(info.features.value)
        assert "rro" in features["mountOptions"] and "user" in features["linux"]["namespaces"]
        assert info.HasField("options") == bool(stdin)


@test("delete with nothing to do")
def _():
    g = Group("nothing", events)
    g.client.Shutdown(id="nothing")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))
    d = g.delete()
    assert (d.pid, d.exit_status) == (0, 137) and abs(d.exited_at.seconds - time.time()) < 60
    os.unlink(g.bundle + "/address")
    g.delete()


@test("delete of a stopped container tells its status")
def _():
    g = Group("told", events)
    pid = g.run(args=["sh", "-c", "exit 9"])
    w = g.client.Wait(id="told")
    os.kill(g.pid, signal.SIGKILL)
    until(lambda: not os.path.exists("/proc/%d" % g.pid))
    d = g.delete()
    assert (d.pid, d.exit_status) == (pid, 9) and d.exited_at == w.exited_at, d
    assert g.delete().exit_status == 9  # twice is no error


@test("delete after the shim was killed ends the container and removes the socket")
def _():
    g = Group("orphan", events)
    pid = g.run(rootfs=[m.Mount(type="bind", source=T + "/rootfs", options=["rbind"])],
                edit=lambda config: config["root"].update(path="rootfs"))
    os.kill(g.pid, signal.SIGKILL)
    until(lambda: not os.path.exists("/proc/%d" % g.pid))
    assert os.path.exists("/proc/%d" % pid)
    d = g.delete()
    assert (d.pid, d.exit_status) == (pid, 137)
    until(lambda: not os.path.exists("/proc/%d" % pid))
    assert not os.path.exists(g.address.replace("unix://", ""))
    assert g.bundle not in open("/proc/self/mountinfo").read()


@test("delete leaves a socket that others use")
def _():
    g = Group("keep", events)
    g.run()
    other = make_bundle("keep2", annotations={"io.containerd.runc.v2.group": "keep"})
    start("keep2", other, env=env)
    g.delete("keep2", other)
    assert g.client.State(id="keep").status == 2
    g.end()


# --- frames ------------------------------------------------------------------------------


def raw(c, stream, data, kind=1, flags=0, length=None):
    c.sock.sendall(struct.pack(">IIBB", len(data) if length is None else length, stream, kind, flags) + data)


def status_of(c):
    stream, kind, _, data = read_frame(c.sock)
    assert kind == 2
    return stream, m.Response.FromString(data).status.code


@test("frames that break the rules are answered, the connection lives")
def _():
    g = Group("frames", events)
    c = g.client
    request = m.Request(service="containerd.task.v2.Task", method="Connect",
                        payload=m.ProcessRequest(id="x").SerializeToString()).SerializeToString()
    c.stream = 101
    raw(c, 102, request)
    assert status_of(c) == (102, 3)
    raw(c, 101, b"\xff\xff")
    assert status_of(c) == (101, 3)
    raw(c, 101, request)
    assert status_of(c) == (101, 3)
    raw(c, 103, b"")
    assert status_of(c) == (103, 3)
    raw(c, 105, b"x", kind=3)
    assert status_of(c) == (105, 3)
    raw(c, 107, b"whatever", kind=77)
    raw(c, 109, request, flags=3)
    assert status_of(c) == (109, 0)
    raw(c, 111, b"x" * 5000000)
    assert status_of(c) == (111, 8)
    bad = m.Request(service="containerd.task.v2.Task", method="Connect", payload=b"\x0a\xff").SerializeToString()
    raw(c, 113, bad)
    assert status_of(c) == (113, 3)
    c.stream = 113
    assert c.Connect(id="x").shim_pid == g.pid
    c.Shutdown(id="x")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))


@test("a request byte by byte, and many at once")
def _():
    g = Group("bytes", events)
    c = g.client
    request = m.Request(service="containerd.task.v2.Task", method="Connect",
                        payload=m.ProcessRequest(id="x").SerializeToString()).SerializeToString()
    for byte in struct.pack(">IIBB", len(request), 11, 1, 0) + request:
        c.sock.sendall(bytes([byte]))
    assert status_of(c) == (11, 0)
    c.sock.sendall(b"".join(struct.pack(">IIBB", len(request), 13 + 2 * i, 1, 0) + request for i in range(500)))
    assert [status_of(c) for _ in range(500)] == [(13 + 2 * i, 0) for i in range(500)]
    c.stream = 2001
    c.Shutdown(id="x")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))


@test("half a frame, then nothing: others are served, the connection goes quietly")
def _():
    g = Group("half", events)
    others = [Client(g.address) for _ in range(30)]
    for i, c in enumerate(others):
        c.sock.sendall(struct.pack(">IIBB", 100 + i, 1, 1, 0)[:5 + i % 6] + b"\0" * (i % 3))
    assert g.client.Connect(id="x").shim_pid == g.pid
    for c in others:
        c.close()
    assert g.client.Connect(id="x").shim_pid == g.pid
    g.client.Shutdown(id="x")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))


@test("a client that does not read is dropped, the others are not held up")
def _():
    g = Group("deaf", events)
    deaf = Client(g.address)
    deaf.sock.settimeout(3)
    request = m.Request(service="containerd.task.v2.Task", method="x" * 3000).SerializeToString()
    data = b"".join(struct.pack(">IIBB", len(request), 1 + 2 * i, 1, 0) + request for i in range(400))
    sent = 0
    try:
        for _ in range(40):
            deaf.sock.sendall(data)
            sent += len(data)
    except OSError:
        pass
    assert g.client.Connect(id="x").shim_pid == g.pid
    deaf.close()
    fails(5, "", g.client.State, id="x")
    g.client.Shutdown(id="x")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))


@test("only the user of the shim may connect")
def _():
    g = Group("mine", events)
    path = g.address.replace("unix://", "")
    os.chmod(path, 0o777)
    for folder in ("/run", "/run/containerd", "/run/containerd/s"):
        os.chmod(folder, 0o755)
    code = ("import os,socket,sys\nos.setgid(1000); os.setuid(1000)\ns=socket.socket(socket.AF_UNIX)\n"
            "s.settimeout(60)\ns.connect(%r)\nsys.exit(0 if s.recv(1) == b'' else 1)\n" % path)
    assert subprocess.run(["/usr/bin/python3", "-c", code]).returncode == 0
    g.client.Shutdown(id="x")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))


@test("nothing is left behind")
def _():
    assert shim.SHIM
    left_behind_nothing(before)


main()
