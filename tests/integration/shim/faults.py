# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around a shim."""
import os
import random
import shutil
import signal
import subprocess
import time

from shim import (LOGS, SHIM, T, Client, Events, Fifos, Group, RpcError, inventory, left_behind_nothing, m, main, make_bundle,
                  set_config, test, until)

events = Events(T + "/c.sock.ttrpc")
before = inventory()
STORM = int(os.environ.get("STORM", "1000"))
CYCLES = int(os.environ.get("CYCLES", "60"))
ROUNDS = int(os.environ.get("ROUNDS", "20"))


def memory(pid):
    """Private and dirty pages in kB, descriptors."""
    dirty = 0
    for line in open("/proc/%d/smaps" % pid):
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            file = len(words) > 5 and words[5].startswith("/")
            writable = "w" in words[1]
        # pages of the program's file count as dirty when it lies on a tmpfs
        elif words[0] == "Private_Dirty:" and (writable or not file):
            dirty += int(words[1])
    return dirty, len(os.listdir("/proc/%d/fd" % pid))


@test("a storm of execs: every exit once, status exact, in order, memory flat")
def _():
    g = Group("storm", events)
    c = g.client
    g.run()
    kinds = [("true", 0), ("false", 1)]
    first = None
    at_once = 8
    for i in range(0, STORM, at_once):
        batch = ["e%d" % j for j in range(i, i + at_once)]
        for j, name in enumerate(batch):
            g.exec_(name, [kinds[j % 2][0]])
        waits = [(name, c.send("Wait", id="storm", exec_id=name)) for name in batch]
        starts = [c.send("Start", id="storm", exec_id=name) for name in batch]
        pids = [c.result("Start", s).pid for s in starts]
        for j, (name, stream) in enumerate(waits):
            assert c.result("Wait", stream).exit_status == kinds[j % 2][1], name
        for j, name in enumerate(batch):
            assert c.Delete(id="storm", exec_id=name).pid == pids[j]
        if i == 10 * at_once:
            first = memory(g.pid)
    until(lambda: len(events.topics("storm")) == 2 + 3 * (STORM + -STORM % at_once))
    until(lambda: memory(g.pid)[1] <= first[1])
    last = memory(g.pid)
    seen = {}
    for topic, e in events.got:
        if e.container_id == "storm" and topic.startswith("/tasks/ex"):
            seen.setdefault(e.id if topic == "/tasks/exit" else e.exec_id, []).append(topic[7:])
    assert all(v == ["exec-added", "exec-started", "exit"] for v in seen.values())
    print("# %d execs: dirty %d kB, then %d kB; %d descriptors, then %d" % (STORM, first[0], last[0], first[1], last[1]))
    assert last[0] <= first[0] + 16, (first, last)
    assert subprocess.run(["ps", "--ppid", str(g.pid), "-o", "stat="], stdout=subprocess.PIPE).stdout.count(b"Z") == 0
    g.end()


@test("containers come and go in a pod: every event once, in order, memory flat")
def _():
    g = Group("pod", events)
    g.run()
    first = None
    for i in range(CYCLES):
        id = "app%d" % i
        bundle = make_bundle(id, annotations={"io.kubernetes.cri.sandbox-id": "pod"})
        set_config(bundle, ["sh", "-c", "exit %d" % (i % 100)])
        g.client.Create(id=id, bundle=bundle)
        g.client.Start(id=id)
        assert g.client.Wait(id=id).exit_status == i % 100
        g.client.Delete(id=id)
        os.close(LOGS.pop())
        shutil.rmtree(bundle)
        if i == 20:
            first = memory(g.pid)
    until(lambda: len(events.of("delete")) and events.of("delete")[-1].container_id == "app%d" % (CYCLES - 1))
    until(lambda: memory(g.pid)[1] <= first[1])
    last = memory(g.pid)
    for i in range(CYCLES):
        assert events.topics("app%d" % i) == ["create", "start", "exit", "delete"], i
    print("# %d containers: dirty %d kB, then %d kB; %d descriptors, then %d" % ((CYCLES,) + (first[0], last[0], first[1], last[1])))
    assert last[0] <= first[0] + 32, (first, last)
    g.end()


@test("the init is killed while execs start: their exits first, nobody hangs")
def _():
    for round_ in range(ROUNDS):
        id = "race%d" % round_
        g = Group(id, events)
        c = g.client
        g.run()
        streams = []
        for i in range(6):
            g.exec_("e%d" % i, ["sleep", "0.0%d" % random.randrange(10)])
            streams.append(c.send("Start", id=id, exec_id="e%d" % i))
        waits = [c.send("Wait", id=id, exec_id="e%d" % i) for i in range(6)]
        init_wait = c.send("Wait", id=id)
        time.sleep(random.random() * 0.02)
        c.Kill(id=id, signal=9)
        assert c.result("Wait", init_wait).exit_status == 137
        started = set()
        for i, stream in enumerate(streams):
            try:
                c.result("Start", stream)
                started.add("e%d" % i)
            except RpcError:
                pass
            c.result("Wait", waits[i])
        g.end()
        until(lambda: "delete" in events.topics(id))
        exits = [e.id for e in events.of("exit") if e.container_id == id]
        assert exits[-1] == id and set(exits[:-1]) == started and len(exits) == len(started) + 1, (exits, started)


@test("processes that die at once: exit after start, always")
def _():
    for i in range(ROUNDS):
        id = "quick%d" % i
        g = Group(id, events)
        g.run(args=["true"])
        assert g.client.Wait(id=id).exit_status == 0
        g.end()
        until(lambda: len(events.topics(id)) == 4)
        assert events.topics(id) == ["create", "start", "exit", "delete"]


@test("containerd goes and comes back: every event arrives, in order")
def _():
    g = Group("away", events)
    g.run()
    until(lambda: events.topics("away") == ["create", "start"])
    events.shut()
    g.client.Pause(id="away")
    g.client.Resume(id="away")
    g.client.Kill(id="away", signal=9)
    g.client.Wait(id="away")
    time.sleep(0.3)
    events.again()
    g.client.Delete(id="away")
    until(lambda: events.topics("away") == ["create", "start", "paused", "resumed", "exit", "delete"])
    g.client.Shutdown(id="away")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))


@test("an event that containerd refuses for a while is sent again, before the others")
def _():
    g = Group("refused", events)
    events.refuse = 2
    g.run()
    g.end()
    until(lambda: events.topics("refused") == ["create", "start", "exit", "delete"])


@test("without a ttrpc address events go through the publish binary")
def _():
    program = T + "/publish"
    with open(program, "w") as f:
        f.write("#!/bin/sh\necho \"$@\" >>%s/published\ncat >>%s/published.bytes\n" % (T, T))
    os.chmod(program, 0o755)
    bundle = make_bundle("binary")
    set_config(bundle, ["true"])
    environment = dict(os.environ)
    environment.pop("TTRPC_ADDRESS", None)
    address = subprocess.run([SHIM, "-namespace", "ns", "-address", T + "/c.sock", "-publish-binary", program, "-id",
                              "binary", "start"], cwd=bundle, env=environment, stdin=subprocess.DEVNULL, check=True,
                             stdout=subprocess.PIPE).stdout.decode()
    c = Client(address)
    c.Create(id="binary", bundle=bundle)
    c.Start(id="binary")
    c.Wait(id="binary")
    c.Delete(id="binary")
    pid = c.Connect(id="x").shim_pid
    c.Shutdown(id="binary")
    until(lambda: not os.path.exists("/proc/%d" % pid))
    lines = open(T + "/published").read().splitlines()
    want = ["--address %s/c.sock publish --topic /tasks/%s --namespace ns" % (T, t)
            for t in ("create", "start", "exit", "delete")]
    assert lines == want, lines
    assert b"containerd.events.TaskDelete" in open(T + "/published.bytes", "rb").read()


@test("kill -9 of the shim at any moment: delete leaves nothing")
def _():
    for round_ in range(ROUNDS):
        id = "dead%d" % round_
        g = Group(id, events)
        c = g.client
        set_config(g.bundle, ["sleep", "1000"], edit=lambda config: config["root"].update(path="rootfs"))
        c.send("Create", id=id, bundle=g.bundle,
               rootfs=[m.Mount(type="bind", source=T + "/rootfs", options=["rbind"])])
        time.sleep(random.random() * 0.015)
        c.send("Start", id=id)
        if round_ % 2:
            time.sleep(random.random() * 0.01)
        os.kill(g.pid, signal.SIGKILL)
        until(lambda: not os.path.exists("/proc/%d" % g.pid))
        c.close()
        g.delete()
        left = [line for line in inventory() if id in line]
        assert not left, left


@test("a worker that is killed is an error, not the end of the shim")
def _():
    g = Group("worker", events)
    stop = time.time() + 60
    killed = False
    set_config(g.bundle, ["sleep", "1000"])
    while not killed and time.time() < stop:
        stream = g.client.send("Create", id="worker", bundle=g.bundle)
        for _ in range(200):
            children = subprocess.run(["pgrep", "-x", "-P", str(g.pid), "skerry:worker"], stdout=subprocess.PIPE)
            if children.stdout.strip():
                try:
                    os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
                except ProcessLookupError:
                    break
                break
        try:
            g.client.result("Create", stream)
            g.client.Delete(id="worker")
        except RpcError as e:
            killed = "was killed" in e.message
            g.delete()
    g.run()
    g.end()


@test("SIGTERM: the shim goes, the container stays, delete ends it")
def _():
    g = Group("term", events)
    pid = g.run()
    os.kill(g.pid, signal.SIGTERM)
    until(lambda: not os.path.exists("/proc/%d" % g.pid))
    assert os.path.exists("/proc/%d" % pid)
    assert not os.path.exists(g.address.replace("unix://", ""))
    g.delete()
    until(lambda: not os.path.exists("/proc/%d" % pid))


@test("SIGUSR1: the table goes to the log")
def _():
    g = Group("dump", events)
    g.run()
    log = os.open(g.bundle + "/log", os.O_RDONLY | os.O_NONBLOCK)
    os.kill(g.pid, signal.SIGUSR1)
    text = bytearray()

    def told():
        try:
            text.extend(os.read(log, 65536))
        except BlockingIOError:
            pass
        return b"container dump: status 2" in text
    until(told)
    os.close(log)
    g.end()


@test("a reader of output that vanishes: the container waits, nothing is lost of what comes after")
def _():
    g = Group("vanish", events)
    f = Fifos("vanish", stderr=False)
    g.run(args=["sh", "-c", "i=0; while [ $i -lt 30000 ]; do echo line $i; i=$((i + 1)); done"], **f.names)
    os.close(f.fds["stdout"])  # containerd has gone
    time.sleep(0.5)
    assert g.client.State(id="vanish").status == 2  # blocked, not killed
    f.fds["stdout"] = os.open(f.names["stdout"], os.O_RDONLY | os.O_NONBLOCK)
    text = f.read()
    assert text.endswith(b"line 29999\n"), text[-40:]
    assert g.client.Wait(id="vanish").exit_status == 0
    g.end()


@test("a reader that never comes back does not hold up Delete for ever")
def _():
    g = Group("never", events)
    f = Fifos("never", stderr=False)
    g.run(args=["sh", "-c", "yes | head -c 200000"], **f.names)
    f.close()
    time.sleep(0.2)
    g.client.Kill(id="never", signal=9)
    g.client.Wait(id="never")
    begun = time.time()
    g.client.Delete(id="never")
    assert time.time() - begun < 30
    g.client.Shutdown(id="never")


@test("a full disk behind file:// does not stop the container")
def _():
    os.makedirs(T + "/full", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "full", T + "/full"], check=True)
    g = Group("full", events)
    g.run(args=["sh", "-c", "yes | head -c 1000000; exit 3"], stdout="file://%s/full/log" % T)
    assert g.client.Wait(id="full").exit_status == 3
    g.end()
    subprocess.run(["umount", T + "/full"], check=True)


@test("the init is killed from outside at each stage: the status is exact, the rest refused, nothing stays")
def _():
    for stage in ("created", "starting", "running", "paused", "deleting"):
        id = "stage-" + stage
        g = Group(id, events)
        c = g.client
        pid = g.create()
        waiting = c.send("Wait", id=id)
        if stage == "starting":
            started = c.send("Start", id=id)
        elif stage != "created":
            c.Start(id=id)
        if stage == "paused":
            c.Pause(id=id)
        os.kill(pid, signal.SIGKILL)
        if stage == "starting":
            try:
                c.result("Start", started)
            except RpcError:
                pass
        assert c.result("Wait", waiting).exit_status == 137, stage
        try:
            c.Start(id=id)
            raise AssertionError("started again")
        except RpcError as e:
            assert "cannot start a stopped process" in e.message, e
        if stage == "deleting":
            streams = [c.send("Delete", id=id) for _ in range(3)]
            answers = [c.receive(s).status.code for s in streams]
            assert answers == [0, 5, 5], answers
            c.Shutdown(id=id)
        else:
            g.end()
        until(lambda: "delete" in events.topics(id))
        topics = events.topics(id)
        assert topics[0] == "create" and topics[-2:] == ["exit", "delete"] and topics.count("exit") == 1, topics
        if stage == "running":
            assert topics == ["create", "start", "exit", "delete"], topics


@test("containerd goes at each stage of a container's life and finds it as it left it")
def _():
    for stage in ("created", "running", "ended"):
        id = "left-" + stage
        g = Group(id, events)
        pid = g.create(args=["sh", "-c", "exit 6"] if stage == "ended" else ["sleep", "1000"])
        if stage != "created":
            g.client.Start(id=id)
        if stage == "ended":
            g.client.Wait(id=id)
        g.client.send("Wait", id=id)
        g.client.close()  # in the middle of a call
        events.shut()
        time.sleep(0.1)
        events.again()
        g.client = c = Client(g.address)
        assert (c.Connect(id=id).shim_pid, c.Connect(id=id).task_pid) == (g.pid, pid)
        state = c.State(id=id)
        assert (state.pid, state.status) == (pid, {"created": 1, "running": 2, "ended": 3}[stage]), state
        if stage == "ended":
            assert c.Wait(id=id).exit_status == 6
        if stage == "created":
            c.Start(id=id)
        g.end()
        until(lambda: "delete" in events.topics(id), 15)
        # what was not acknowledged when the connection broke comes once more
        told = [t for i, t in enumerate(events.topics(id)) if t not in events.topics(id)[:i]]
        assert told == ["create", "start", "exit", "delete"], events.topics(id)


@test("a full disk below the bundle: Create says so and leaves nothing, what runs is ended and deleted all the same")
def _():
    base = T + "/bundles"
    os.makedirs(base, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "bundles", base], check=True)
    g = Group("nospace", events)
    set_config(g.bundle, ["sleep", "1000"])
    fill = ["sh", "-c", "cat /dev/zero >%s/fill 2>/dev/null" % base]
    subprocess.run(fill, check=False)
    try:
        g.client.Create(id="nospace", bundle=g.bundle)
        raise AssertionError("created")
    except RpcError as e:
        assert "No space left" in e.message, e
    os.unlink(base + "/fill")
    g.run()
    subprocess.run(fill, check=False)
    g.client.Kill(id="nospace", signal=15)
    g.client.Kill(id="nospace", signal=9)
    assert g.client.Wait(id="nospace").exit_status == 137
    g.end()
    until(lambda: events.topics("nospace") == ["create", "start", "exit", "delete"])
    g.delete()
    os.close(LOGS.pop())
    subprocess.run(["umount", "-l", base], check=True)


@test("nothing is left behind")
def _():
    left_behind_nothing(before)


main()
