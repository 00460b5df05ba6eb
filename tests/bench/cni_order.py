# SPDX-License-Identifier: Apache-2.0
"""Writes cni/order.ld: what ADD and DEL execute, in that order (x86-64, static programs).

usage: unshare -m -n --propagation private python3 tests/bench/cni_order.py BUILD

The programs are linked once more with a map of their sections; each call is then run step by
step, and the sections its instructions lie in are written as a script for the linker: one for a
function of ours (-ffunction-sections), one for a file of a library.
"""
import bisect
import json
import os
import re
import subprocess
import sys

BUILD = os.path.abspath(sys.argv[1])
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAD = """/* SPDX-License-Identifier: Apache-2.0 */
/* order.ld - what ADD and DEL of a bridge execute lies side by side
 *
 * A page of a program that is used for the first time costs a fault, which maps the sixteen
 * pages around it.  Spread over all of the file there are 25 of these, a tenth of an ADD's
 * time; side by side there are five.  What isn't named here follows, and a name that is
 * gone does no harm.
 * Written by tests/bench/cni_order.py.
 */
"""
MASQUERADE = {"plain": False, "masq": True}


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stdout.decode()}")


def link(program, source):
    """Links it with a map; its sections: (address, size, name, file), sorted"""
    chart = f"/run/order/{program}.map"
    run("make", "-s", "-C", TOP, f"BUILD={BUILD}", f"LDFLAGS=-Wl,-Map,{chart}", "-W", source,
        f"{BUILD}/{program}")
    found, name = [], None
    lines = open(chart).read().split("Linker script and memory map", 1)[1].splitlines()
    for line in lines:
        line = (name + line) if name else line
        name = None
        m = re.match(r" (\.text\S*)(?:\s+0x(\w+)\s+0x(\w+)\s+(\S+))?$", line)
        if m and m[2]:
            found.append((int(m[2], 16), int(m[3], 16), m[1], m[4]))
        elif m:
            name = line
    return sorted(s for s in found if s[0] and s[1])


def prepare():
    for path in ("/run", "/etc/cni", "/var/lib"):
        os.makedirs(path, exist_ok=True)
        run("mount", "-t", "tmpfs", "none", path)
    for path in ("/run/netns", "/run/order/bin", "/etc/cni/net.d"):
        os.makedirs(path)
    run("ip", "link", "set", "lo", "up")
    for name in ("one", *MASQUERADE):
        run("ip", "netns", "add", name)
    for number, (name, masquerade) in enumerate(MASQUERADE.items()):
        plugin = {"type": "bridge", "bridge": f"br-{name}", "isGateway": True, "ipMasq": masquerade,
                  "ipam": {"type": "host-local", "subnet": f"10.{number}.0.0/16",
                           "routes": [{"dst": "0.0.0.0/0"}]}}
        about = {"cniVersion": "1.0.0", "name": name}
        with open(f"/run/order/{name}.conf", "w") as out:
            json.dump({**about, **plugin}, out)
        with open(f"/etc/cni/net.d/{name}.conflist", "w") as out:
            json.dump({**about, "plugins": [plugin]}, out)


def plugin_call(verb, network, container, *before):
    env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": container, "CNI_IFNAME": "eth0",
           "CNI_NETNS": f"/run/netns/{container}", "CNI_PATH": "/run/order/bin"}
    with open(f"/run/order/{network}.conf") as config:
        run(*before, "/run/order/bin/bridge", stdin=config, env=env)


def net_call(verb, network, container, *before):
    run(*before, f"{BUILD}/skerry-net", verb.lower(), network, container, f"/run/netns/{container}")


def executed(call, sections):
    """The sections of a program in the order in which the calls need them"""
    starts = [s[0] for s in sections]
    # what the first container of a network makes is not what the others need
    for network in MASQUERADE:
        call("ADD", network, network)
    for network in MASQUERADE:
        for verb in ("ADD", "DEL"):
            call(verb, network, "one", f"{BUILD}/bench/cni_steps", "/run/order/steps")
    for network in MASQUERADE:
        call("DEL", network, network)
    order = []
    for line in open("/run/order/steps"):
        at = int(line, 16)
        i = bisect.bisect_right(starts, at) - 1
        if i >= 0 and at < starts[i] + sections[i][1] and i not in order:
            order.append(i)
    os.unlink("/run/order/steps")
    return [sections[i] for i in order]


def patterns(sections):
    text, files = [], []
    for _, _, section, path in sections:
        file = re.sub(r".*/", "*", path)
        m = re.match(r"\*(.*\.a)\((.*)\)$", file)
        ours = not m or os.path.exists(f"{BUILD}/lib/{m[1]}") or not path.startswith("/usr")
        if m and not ours:
            file = f"*{m[1]}:{m[2]}"
        elif m:
            file = f"*{m[2]}"
        if not ours:
            text.append(f"{file}(.text .text.*)")
        elif section != ".text":
            text.append(f"{file}({section})")
        files.append(file)
    return text, files


def main():
    prepare()
    text, files = [], []
    for program, source, call in (("skerry-cni", "cni/plugins/main.c", plugin_call),
                                  ("skerry-net", "cni/net/main.c", net_call)):
        sections = link(program, source)
        if program == "skerry-cni":
            run("cp", f"{BUILD}/skerry-cni", "/run/order/bin/")
            for name in ("bridge", "host-local"):
                os.symlink("skerry-cni", f"/run/order/bin/{name}")
        some_text, some_files = patterns(executed(call, sections))
        text += some_text
        files += some_files
    with open(f"{TOP}/cni/order.ld", "w") as out:
        out.write(HEAD)
        for name, wanted in ((".text", text), (".rodata", [f"{f}(.rodata .rodata.*)" for f in files])):
            lines = "".join(f"\t\t{line}\n" for line in dict.fromkeys(wanted))
            out.write(f"\nSECTIONS\n{{\n\t{name}.first : {{\n{lines}\t}}\n}}\nINSERT BEFORE {name};\n")


main()
