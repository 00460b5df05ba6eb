# SPDX-License-Identifier: Apache-2.0
"""The Task service, call by call."""
import json
import os
import signal
import time

from shim import (CREATED, PAUSED, RUNNING, STOPPED, T, Events, Fifos, Group, RpcError, Skip, fails, inventory, left_behind_nothing,
                  m, main, make_bundle, test, until)

events = Events(T + "/c.sock.ttrpc")
before = inventory()
NEVER = -62135596800


@test("create, start, end, delete: answers and events in order")
def _():
    g = Group("life", events)
    c = g.client
    pid = g.create(args=["sh", "-c", "exit 7"])
    s = c.State(id="life")
    assert (s.id, s.pid, s.status, s.bundle) == ("life", pid, CREATED, g.bundle), s
    assert s.exited_at.seconds == NEVER
    waiting = c.send("Wait", id="life")
    assert c.Start(id="life").pid == pid
    w = c.result("Wait", waiting)
    assert w.exit_status == 7 and abs(w.exited_at.seconds - time.time()) < 60
    assert c.State(id="life").status == STOPPED
    assert c.Wait(id="life").exit_status == 7
    assert open(g.bundle + "/init.pid").read() == str(pid)
    d = c.Delete(id="life")
    assert (d.pid, d.exit_status) == (pid, 7) and d.exited_at == w.exited_at
    fails(5, "not found", c.Delete, id="life")
    fails(5, "container not created: not found", c.State, id="life")
    fails(5, "not found", c.Wait, id="life")
    assert c.Connect(id="life").task_pid == 0
    c.Shutdown(id="life")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))
    assert events.topics("life") == ["create", "start", "exit", "delete"], events.topics("life")
    created = events.of("create")[-1]
    assert (created.pid, created.bundle) == (pid, g.bundle)
    e = events.of("exit")[-1]
    assert (e.id, e.pid, e.exit_status) == ("life", pid, 7)


@test("wrong calls are refused with the codes the field knows")
def _():
    g = Group("wrong", events)
    c = g.client
    fails(5, "container not created", c.Start, id="none")
    fails(5, "not found", c.Kill, id="none", signal=9)
    fails(3, "name for a container", c.Create, id="../x", bundle="/tmp")
    fails(3, "absolute", c.Create, id="x", bundle="relative")
    g.run()
    fails(6, "already exists", c.Create, id="wrong", bundle=g.bundle)
    fails(9, "cannot start a running process", c.Start, id="wrong")
    fails(9, "cannot delete a running process", c.Delete, id="wrong")
    fails(5, "process does not exist e: not found", c.State, id="wrong", exec_id="e")
    fails(5, "process does not exist e: not found", c.CloseIO, id="wrong", exec_id="e", stdin=True)
    fails(9, "cannot resume a running process", c.Resume, id="wrong")
    fails(3, "", c.Exec, id="wrong", exec_id="")
    c.ResizePty(id="wrong", width=80, height=25)  # no terminal: nothing to do
    c.Kill(id="wrong", signal=9)
    assert c.Wait(id="wrong").exit_status == 137
    fails(5, "process already finished: not found", c.Kill, id="wrong", signal=9)
    fails(9, "cannot start a stopped process", c.Start, id="wrong")
    fails(9, "cannot exec in a stopped state", g.exec_, exec_id="e", args=["true"])
    assert list(c.Pids(id="wrong").processes) == []
    assert c.Stats(id="wrong").stats.type_url == "io.containerd.cgroups.v2.Metrics"
    g.end()


@test("both versions of the service, unknown services and methods")
def _():
    g = Group("names", events)
    c = g.client
    c.service = "containerd.task.v3.Task"
    assert c.Connect(id="names").shim_pid == g.pid
    response = c.receive(c.send("Nothing"))
    assert (response.status.code, response.status.message) == (12, "method Nothing")
    response = c.receive(c.send("Connect", service="some.Other"))
    assert (response.status.code, response.status.message) == (12, "service some.Other")
    c.Shutdown(id="names")
    until(lambda: not os.path.exists("/proc/%d" % g.pid))


@test("exec: added, started, its status, its events, deleted")
def _():
    g = Group("exec", events)
    c = g.client
    init = g.run()
    g.exec_("x1", ["sh", "-c", "exit 5"])
    fails(6, "id x1: already exists", g.exec_, exec_id="x1", args=["true"])
    s = c.State(id="exec", exec_id="x1")
    assert (s.id, s.status, s.pid) == ("x1", CREATED, 0)
    fails(9, "process not created", c.Kill, id="exec", exec_id="x1", signal=9)
    waiting = c.send("Wait", id="exec", exec_id="x1")
    pid = c.Start(id="exec", exec_id="x1").pid
    assert c.result("Wait", waiting).exit_status == 5
    fails(5, "process already finished: not found", c.Kill, id="exec", exec_id="x1", signal=9)
    d = c.Delete(id="exec", exec_id="x1")
    assert (d.pid, d.exit_status) == (pid, 5)
    fails(5, "process does not exist x1: not found", c.Delete, id="exec", exec_id="x1")
    until(lambda: events.topics("exec")[2:] == ["exec-added", "exec-started", "exit"])
    e = events.of("exit")[-1]
    assert (e.container_id, e.id, e.pid, e.exit_status) == ("exec", "x1", pid, 5)
    g.exec_("x2", ["sleep", "1000"])
    pid = c.Start(id="exec", exec_id="x2").pid
    listed = {p.pid: p.info for p in c.Pids(id="exec").processes}
    assert set(listed) == {init, pid}, listed
    assert listed[pid].type_url == "containerd.runc.v1.ProcessDetails"
    assert m.ProcessDetails.FromString(listed[pid].value).exec_id == "x2"
    fails(9, "cannot delete a running process", c.Delete, id="exec", exec_id="x2")
    c.Kill(id="exec", exec_id="x2", signal=signal.SIGTERM)
    assert c.Wait(id="exec", exec_id="x2").exit_status == 143
    g.end()


@test("an exec that cannot start says why, stays created and can be deleted")
def _():
    g = Group("badexec", events)
    c = g.client
    g.run()
    g.exec_("x1", ["/no/such"])
    fails(2, "OCI runtime exec failed", c.Start, id="badexec", exec_id="x1")
    assert c.State(id="badexec", exec_id="x1").status == CREATED
    assert c.Wait(id="badexec", exec_id="x1").exit_status == 0
    assert c.Delete(id="badexec", exec_id="x1").exited_at.seconds == NEVER
    g.end()


@test("a container that cannot be created says why and leaves nothing")
def _():
    g = Group("badcreate", events)
    fails(2, "OCI runtime create failed", g.create, args=["/no/such"])
    fails(2, "OCI runtime create failed", g.create, args=["true"], stdout="/no/such/fifo")
    fails(2, "unknown STDIO scheme ttrpc+unix", g.create, args=["true"], stdout="ttrpc+unix:///x")
    g.run()  # the name is free
    g.end()
    until(lambda: events.topics("badcreate") == ["create", "start", "exit", "delete"])


@test("a container that is deleted before its start is killed")
def _():
    g = Group("unstarted", events)
    g.create()
    g.client.Delete(id="unstarted")
    g.client.Shutdown(id="unstarted")
    until(lambda: events.topics("unstarted") == ["create", "exit", "delete"])


@test("pause, resume, and what may be done meanwhile")
def _():
    g = Group("pause", events)
    c = g.client
    g.run()
    g.exec_("x", ["sleep", "1000"])
    c.Start(id="pause", exec_id="x")
    c.Pause(id="pause")
    assert c.State(id="pause").status == PAUSED
    assert c.State(id="pause", exec_id="x").status == PAUSED
    fails(9, "cannot pause a paused container", c.Pause, id="pause")
    fails(9, "cannot exec in a paused state", g.exec_, exec_id="y", args=["true"])
    fails(9, "cannot delete a paused process", c.Delete, id="pause")
    c.Resume(id="pause")
    assert c.State(id="pause").status == RUNNING
    c.Pause(id="pause")
    c.Kill(id="pause", signal=9)
    assert c.Wait(id="pause").exit_status == 137
    g.end()
    assert [t for t in events.topics("pause") if t in ("paused", "resumed")] == ["paused", "resumed", "paused"]


@test("standard output and error reach their fifos, end of file too")
def _():
    g = Group("out", events)
    f = Fifos("out")
    g.run(args=["sh", "-c", "echo out; echo err >&2"], **f.names)
    assert f.read() == b"out\n"
    assert f.read("stderr") == b"err\n"
    g.end()


@test("a reader that comes after the end still gets everything")
def _():
    import subprocess
    g = Group("late", events)
    path = T + "/late-fifo"
    os.mkfifo(path)
    g.run(args=["echo", "late"], stdout=path)
    g.client.Wait(id="late")
    time.sleep(0.2)
    assert subprocess.run(["cat", path], stdout=subprocess.PIPE, timeout=60).stdout == b"late\n"
    g.end()


@test("output larger than all pipes together arrives whole")
def _():
    g = Group("much", events)
    f = Fifos("much", stderr=False)
    g.run(args=["sh", "-c", "yes 0123456789abcde | head -c 4000000"], **f.names)
    assert f.read() == (b"0123456789abcde\n" * 250000)[:4000000]
    g.end()


@test("standard input: data, CloseIO, end of file")
def _():
    g = Group("in", events)
    f = Fifos("in", stdin=True, stderr=False)
    g.create(args=["cat"], **f.names)
    w = f.open_stdin()
    g.client.Start(id="in")
    os.write(w, b"hello\n")
    assert f.read_some() == b"hello\n"
    os.close(w)
    time.sleep(0.1)
    assert g.client.State(id="in").status == RUNNING  # the shim keeps it open
    w = f.open_stdin()
    os.write(w, b"again\n")
    os.close(w)
    assert f.read_some() == b"again\n"
    g.client.CloseIO(id="in", stdin=True)
    assert g.client.Wait(id="in").exit_status == 0
    g.end()


@test("a lot of standard input goes through without a reader")
def _():
    g = Group("manyin", events)
    f = Fifos("manyin", stdin=True, stderr=False)
    g.create(args=["sh", "-c", "sleep 0.3; cat | wc -c"], **f.names)
    g.client.Start(id="manyin")
    w = os.open(f.names["stdin"], os.O_WRONLY)
    os.write(w, b"x" * 1000000)
    g.client.CloseIO(id="manyin", stdin=True)
    os.close(w)
    assert f.read().strip() == b"1000000"
    g.end()


@test("a terminal: output, input, size")
def _():
    g = Group("tty", events)
    f = Fifos("tty", stdin=True, stderr=False)
    g.create(args=["sh", "-c", "stty size; read x; echo got $x; tty"], terminal=True, **f.names)
    w = f.open_stdin()
    g.client.ResizePty(id="tty", width=101, height=33)
    g.client.Start(id="tty")
    until(lambda: b"33 101" in f.read_some())
    os.write(w, b"word\r")
    text = f.read()
    assert b"got word" in text and b"/dev/" in text, text
    os.close(w)
    assert g.client.State(id="tty").terminal
    g.end()


@test("an exec with a terminal")
def _():
    g = Group("exectty", events)
    g.run()
    f = Fifos("exectty", stdin=True, stderr=False)
    g.exec_("x", ["sh", "-c", "until stty size | grep -q '11 99'; do sleep 0.1; done; stty size; tty"], terminal=True, **f.names)
    g.client.Start(id="exectty", exec_id="x")
    g.client.ResizePty(id="exectty", exec_id="x", width=99, height=11)
    text = f.read()
    assert b"11 99" in text and b"/dev/pts/" in text, text
    g.client.Delete(id="exectty", exec_id="x")
    g.end()


@test("output to a file, appended")
def _():
    path = T + "/logs/deep/out"
    for word in ("one", "two"):
        g = Group("file", events)
        g.run(args=["sh", "-c", "echo %s; echo err >&2" % word], stdout="file://" + path, stderr="file://" + path)
        g.client.Wait(id="file")
        g.end()
    assert sorted(open(path).read().split()) == ["err", "err", "one", "two"]


@test("output to a logger, its arguments and environment")
def _():
    logger = T + "/logger"
    with open(logger, "w") as script:
        script.write("#!/bin/sh\nexec 5>&-\n{ echo \"$@\"; env | grep CONTAINER | sort; cat <&3; cat <&4; } >%s.out\n"
                     "mv %s.out %s.done\n" % (T + "/logged", T + "/logged", T + "/logged"))
    os.chmod(logger, 0o755)
    g = Group("logger", events)
    g.run(args=["sh", "-c", "echo out; echo err >&2"], stdout="binary://%s?a=b%%20c&d=" % logger)
    g.client.Wait(id="logger")
    g.client.Delete(id="logger")
    until(lambda: os.path.exists(T + "/logged.done"))
    text = open(T + "/logged.done").read()
    assert text == "a b c d \nCONTAINER_ID=logger\nCONTAINER_NAMESPACE=ns\nout\nerr\n", text
    fails(2, "no-such-logger", g.create, args=["true"], stdout="binary:///no-such-logger")
    g.client.Shutdown(id="logger")


@test("Delete does not wait for a child that holds the output open")
def _():
    g = Group("held", events)
    g.run()
    f = Fifos("held", stderr=False)
    for id in ("x", "y", "z"):  # a machine that is busy may be slow twice
        g.exec_(id, ["sh", "-c", "echo hi; sleep 1000 &"], **f.names)
        g.client.Start(id="held", exec_id=id)
        g.client.Wait(id="held", exec_id=id)
        begun = time.time()
        g.client.Delete(id="held", exec_id=id)
        took = time.time() - begun
        assert f.read() == b"hi\n"
        if took < 1:
            break
    assert took < 1
    g.end()


@test("Delete waits for a reader that is slow")
def _():
    g = Group("slow", events)
    f = Fifos("slow", stderr=False)
    g.run(args=["sh", "-c", "yes | head -c 100000"], **f.names)
    g.client.Wait(id="slow")
    stream = g.client.send("Delete", id="slow")
    time.sleep(0.3)
    assert len(f.read()) == 100000
    g.client.result("Delete", stream)
    g.client.Shutdown(id="slow")


@test("checkpoint: refused where it makes no sense, a reason and criu's log where it fails")
def _():
    g = Group("check", events)
    fails(5, "container not created", g.client.Checkpoint, id="check", path="/x")
    g.create()
    fails(9, "does not run", g.client.Checkpoint, id="check", path="/x")
    g.client.Start(id="check")
    fails(3, "absolute", g.client.Checkpoint, id="check", path="x")
    options = m.Any(type_url="containerd.runc.v1.CheckpointOptions", value=b"\x08\x01")
    try:
        g.client.Checkpoint(id="check", path=T + "/images", options=options)
    except RpcError as e:  # without criu, or with one that cannot
        assert e.code == 2 and "checkpoint failed" in e.message, e
        assert g.client.State(id="check").status == RUNNING
        g.end()
        return
    assert g.client.Wait(id="check").exit_status == 137
    assert os.path.exists(T + "/images/inventory.img")
    g.end()
    until(lambda: events.topics("check") == ["create", "start", "checkpointed", "exit", "delete"])
    g = Group("check", events)
    assert g.create(checkpoint=T + "/images") == 0
    assert g.client.State(id="check").status == CREATED
    pid = g.client.Start(id="check").pid
    assert pid > 0 and g.client.State(id="check").pid == pid
    g.client.Kill(id="check", signal=9)
    assert g.client.Wait(id="check").exit_status == 137
    g.end()


def needs_criu():
    import shutil
    import subprocess
    if not shutil.which("criu") or subprocess.run(["criu", "check"], stdout=subprocess.DEVNULL,
                                                  stderr=subprocess.DEVNULL).returncode:
        raise Skip("no criu that can do it on this kernel")


def next_number(f):
    """A whole line of what a counting container prints."""
    text = f.read_some() + f.read_some()
    while text.count(b"\n") < 2:
        text += f.read_some()
    return int(text.split(b"\n")[-2])


@test("checkpoint and restore: it goes on where it was, on new fifos, with execs, pause and a second time")
def _():
    needs_criu()
    g = Group("moved", events)
    f = Fifos("moved", stderr=False)
    g.run(args=["sh", "-c", "i=0; while :; do echo $((i += 1)); sleep 0.05; done"], **f.names)
    assert next_number(f) > 0
    g.client.Checkpoint(id="moved", path=T + "/moved-running")
    before_ = next_number(f)
    assert next_number(f) > before_  # without options it goes on
    g.client.Checkpoint(id="moved", path=T + "/moved", options=m.Any(
        type_url="containerd.runc.v1.CheckpointOptions", value=b"\x08\x01"))
    assert g.client.Wait(id="moved").exit_status == 137
    last = int(f.read().split()[-1])
    g.end()
    for round_ in ("once", "twice"):
        g = Group("moved", events)
        f = Fifos("moved-" + round_, stderr=False)
        assert g.create(checkpoint=T + "/moved", args=["sh", "-c", "i=0; while :; do echo $((i += 1)); sleep 0.05; done"],
                        **f.names) == 0
        pid = g.client.Start(id="moved").pid
        number = next_number(f)
        assert number > last and number < last + 200, (last, number)
        e = Fifos("moved-exec-" + round_, stderr=False)
        g.exec_("x", ["sh", "-c", "echo in; exit 4"], **e.names)
        g.client.Start(id="moved", exec_id="x")
        assert g.client.Wait(id="moved", exec_id="x").exit_status == 4 and e.read() == b"in\n"
        g.client.Delete(id="moved", exec_id="x")
        g.client.Pause(id="moved")
        assert g.client.State(id="moved").status == PAUSED
        g.client.Resume(id="moved")
        assert pid in [p.pid for p in g.client.Pids(id="moved").processes]
        assert m.Metrics.FromString(g.client.Stats(id="moved").stats.value).pids.current >= 1
        g.client.Kill(id="moved", signal=9)
        assert g.client.Wait(id="moved").exit_status == 137
        g.end()


@test("a restored container with a terminal")
def _():
    needs_criu()
    g = Group("movedtty", events)
    f = Fifos("movedtty", stdin=True, stderr=False)
    args = ["sh", "-c", "while read x; do echo got $x; stty size; done"]
    g.create(args=args, terminal=True, **f.names)
    g.client.Start(id="movedtty")
    w = f.open_stdin()
    os.write(w, b"one\n")
    until(lambda: b"got one" in f.read_some())
    g.client.Checkpoint(id="movedtty", path=T + "/movedtty", options=m.Any(
        type_url="containerd.runc.v1.CheckpointOptions", value=b"\x08\x01"))
    g.client.Wait(id="movedtty")
    os.close(w)
    g.end()
    g = Group("movedtty", events)
    f = Fifos("movedtty2", stdin=True, stderr=False)
    g.create(checkpoint=T + "/movedtty", args=args, terminal=True, **f.names)
    g.client.Start(id="movedtty")
    w = f.open_stdin()
    os.write(w, b"two\n")
    until(lambda: b"got two" in f.read_some())
    os.close(w)
    g.end()


@test("restore: made at Start, deleted before it, a reason where there is nothing to restore")
def _():
    g = Group("restore", events)
    assert g.create(checkpoint=T + "/no-images") == 0
    fails(2, "restore failed", g.client.Start, id="restore")
    assert g.client.State(id="restore").status == CREATED
    assert g.client.Delete(id="restore").exited_at.seconds == NEVER
    g.client.Shutdown(id="restore")
    until(lambda: events.topics("restore") == ["create", "delete"])


@test("a pod: several containers in one shim")
def _():
    g = Group("pod", events)
    g.run()
    other = make_bundle("app", annotations={"io.kubernetes.cri.sandbox-id": "pod"})
    import shim
    assert shim.start("app", other, env=g.env).decode() == g.address
    assert open(other + "/address").read() == g.address
    shim.set_config(other, ["sleep", "1000"])
    g.client.Create(id="app", bundle=other)
    g.client.Start(id="app")
    assert g.client.Connect(id="app").shim_pid == g.pid
    g.client.Kill(id="app", signal=9)
    g.client.Wait(id="app")
    g.client.Delete(id="app")
    g.client.Shutdown(id="app")  # refused: the pod is there
    assert g.client.State(id="pod").status == RUNNING
    g.end()


@test("rootfs mounts: made for Create, gone after Delete")
def _():
    g = Group("mounts", events)
    mounts = [m.Mount(type="bind", source=T + "/rootfs", options=["rbind", "ro"]),
              m.Mount(type="tmpfs", source="tmpfs", target="/mnt", options=["size=1m", "nosuid"])]
    f = Fifos("mounts", stderr=False)

    def edit(config):
        config["root"]["path"] = "rootfs"
    g.run(args=["sh", "-c", "touch /x; touch /mnt/x && echo good"], rootfs=mounts, edit=edit, **f.names)
    assert f.read() == b"good\n"
    g.client.Wait(id="mounts")
    assert g.bundle in open("/proc/self/mountinfo").read()
    g.client.Delete(id="mounts")
    assert g.bundle not in open("/proc/self/mountinfo").read()
    fails(2, "X-containerd", g.create, rootfs=[m.Mount(type="bind", source="/", options=["X-containerd.a=b"])])
    fails(2, "", g.create, rootfs=[m.Mount(type="bind", source="/no/such", options=["bind"])])
    assert g.bundle not in open("/proc/self/mountinfo").read()
    g.client.Shutdown(id="mounts")


@test("an overlay of more layers than fit into a page of options")
def _():
    layers = []
    for i in range(120):
        layer = "%s/layers/a-rather-long-name-for-a-folder-of-a-layer/%03d/fs" % (T, i)
        os.makedirs(layer, exist_ok=True)
        open("%s/f%d" % (layer, i), "w").close()
        layers.append(layer)
    os.makedirs(T + "/upper", exist_ok=True)
    os.makedirs(T + "/work", exist_ok=True)
    lower = ":".join(layers + [T + "/rootfs"])
    g = Group("layers", events)
    f = Fifos("layers", stderr=False)

    def edit(config):
        config["root"]["path"] = "rootfs"
    g.run(args=["sh", "-c", "ls -d /f* | wc -l"], edit=edit, rootfs=[m.Mount(
        type="overlay", source="overlay", options=["index=off", "workdir=%s/work" % T, "upperdir=%s/upper" % T,
                                                   "lowerdir=" + lower])], **f.names)
    assert f.read().strip() == b"120"
    g.client.Wait(id="layers")
    g.end()


@test("owners mapped: of a bind mount, and of an overlay by its layers")
def _():
    layers = []
    for i in range(3):
        layer = "%s/mapped/%d:x" % (T, i)
        os.makedirs(layer)
        open("%s/f%d" % (layer, i), "w").close()
        os.chown("%s/f%d" % (layer, i), i, i)
        layers.append(layer.replace(":", "\\:"))
    for name in ("upper", "work"):
        os.makedirs(T + "/mapped/" + name)
    maps = ["uidmap=0:100000:65536", "gidmap=0:200000:65536"]
    g = Group("mapped", events)

    def edit(config):
        config["root"]["path"] = "rootfs"
    overlay = m.Mount(type="overlay", source="overlay", options=[
        "upperdir=%s/mapped/upper" % T, "workdir=%s/mapped/work" % T, "lowerdir=" + ":".join(layers + [T + "/rootfs"])]
        + maps)
    try:
        g.create(edit=edit, rootfs=[overlay])
    except RpcError as e:
        g.client.Shutdown(id="mapped")
        if "map the owners" in e.message or "mount overlay" in e.message:
            raise Skip("this kernel maps no owners of an overlay's layers, or not on this file system: " + e.message)
        raise
    for i in range(3):
        st = os.stat("%s/rootfs/f%d" % (g.bundle, i))
        assert (st.st_uid, st.st_gid) == (100000 + i, 200000 + i), st
    assert not [n for n in os.listdir(g.bundle) if n.startswith("layers-")]
    g.end()
    for i in range(3):
        assert os.stat("%s/mapped/%d:x/f%d" % (T, i, i)).st_uid == i
    g = Group("mapped", events)
    g.create(edit=edit, rootfs=[m.Mount(type="bind", source=T + "/rootfs", options=["rbind"] + maps)])
    assert os.stat(g.bundle + "/rootfs/bin/busybox").st_uid == 100000
    g.end()


@test("runtime options: the state directory, in all their shapes")
def _():
    shapes = {
        "containerd.runc.v1.Options": m.RuncOptions(root=T + "/r1"),
        "runtimeoptions.v1.Options": m.RuntimeOptions(config_body=b'# options\nRoot = "%s/r1"\nIoUid = 0\n' % T.encode()),
    }
    for i, (name, message) in enumerate(shapes.items()):
        id = "opt%d" % i
        any_ = m.Any(type_url="type.googleapis.com/" + name, value=message.SerializeToString())
        g = Group(id, events, stdin=any_.SerializeToString())
        g.run(options=any_)
        assert os.path.exists("%s/r1/ns/%s/state.json" % (T, id))
        assert json.load(open(g.bundle + "/skerry-options.json"))["root"] == T + "/r1"
        g.end()
    with open(T + "/options.toml", "w") as f:
        f.write("Root = '%s/r1'\nNoNewKeyring = true\n" % T)
    for any_ in (m.Any(type_url="runtimeoptions.v1.Options",
                       value=m.RuntimeOptions(config_path=T + "/options.toml").SerializeToString()),
                 m.Any(type_url="containerd.linux.runc.CreateOptions",
                       value=m.LegacyOptions(no_pivot_root=True, io_uid=7).SerializeToString()),
                 m.Any(type_url="some.other.Options", value=b"\x0a\x01x")):
        g = Group("shape", events)
        g.run(options=any_)
        g.end()
    g = Group("shape", events)
    fails(3, "SystemdCgroup", g.create, options=m.Any(
        type_url="runtimeoptions.v1.Options",
        value=m.RuntimeOptions(config_body=b"SystemdCgroup = maybe").SerializeToString()))
    g.client.Shutdown(id="shape")


@test("pipes belong to the user that the options name")
def _():
    g = Group("owner", events)
    f = Fifos("owner", stderr=False)
    g.run(args=["sh", "-c", "stat -L -c %u:%g /proc/self/fd/1"], options=m.Any(
        type_url="containerd.runc.v1.Options", value=m.RuncOptions(io_uid=1000, io_gid=1000).SerializeToString()),
        **f.names)
    assert f.read() == b"1000:1000\n"
    g.client.Wait(id="owner")
    g.end()


@test("Stats: figures of the group")
def _():
    g = Group("stats", events)
    g.run(args=["sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; sleep 1000"])
    time.sleep(0.3)
    metrics = m.Metrics.FromString(g.client.Stats(id="stats").stats.value)
    assert metrics.cpu.usage_usec > 0
    assert metrics.cpu.usage_usec >= metrics.cpu.user_usec
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers") and "memory" in open("/sys/fs/cgroup/cgroup.controllers").read():
        assert metrics.memory.usage > 0 and metrics.HasField("memory_events")
    g.end()


def flat_keys(path):
    return {words[0]: int(words[1]) for words in (line.split() for line in open(path))}


def one_number(path):
    """"max" is the largest number; what is not there is 0."""
    if not os.path.exists(path):
        return 0
    text = open(path).read().strip()
    return (1 << 64) - 1 if text == "max" else int(text)


@test("Stats: every figure is the one in the group's files")
def _():
    g = Group("figures", events)

    def edit(config):
        if "memory" in open("/sys/fs/cgroup/cgroup.controllers").read().split():
            config["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 99},
                                            "cpu": {"quota": 20000, "period": 100000}}
    pid = g.run(args=["sh", "-c", "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; head -c 3000000 /dev/zero >/tmp/x; sleep 1000"],
                edit=edit)
    until(lambda: b"sleep" in open("/proc/%d/cmdline" % pid, "rb").read() or
          b"sleep" in b"".join(open("/proc/%d/cmdline" % p.pid, "rb").read() for p in g.client.Pids(id="figures").processes), 30)
    group = "/sys/fs/cgroup" + open("/proc/%d/cgroup" % pid).read().strip().split("::")[1] + "/"
    g.client.Pause(id="figures")  # nothing moves any more
    time.sleep(0.3)
    got = m.Metrics.FromString(g.client.Stats(id="figures").stats.value)
    cpu = flat_keys(group + "cpu.stat")
    for key in ("usage_usec", "user_usec", "system_usec", "nr_periods", "nr_throttled", "throttled_usec", "nr_bursts",
                "burst_usec"):
        assert getattr(got.cpu, key) == cpu.get(key, 0), (key, got.cpu, cpu)
    for file, message in (("cpu", got.cpu), ("memory", got.memory), ("io", got.io)):
        if os.path.exists(group + file + ".pressure"):
            lines = dict(line.split(" ", 1) for line in open(group + file + ".pressure"))
            for kind, text in lines.items():
                total = int(text.rsplit("total=", 1)[1])
                assert abs(getattr(message.psi, kind).total - total) < 100000, (file, kind, message.psi, text)
    if os.path.exists(group + "memory.stat"):
        stat = flat_keys(group + "memory.stat")
        for field in got.memory.DESCRIPTOR.fields:
            if field.number < 32:
                value = getattr(got.memory, field.name)
                assert abs(value - stat.get(field.name, 0)) <= 65536, (field.name, value, stat.get(field.name))
        assert got.memory.anon > 0 and got.memory.pgfault > 0
        for name, file in (("usage", "current"), ("usage_limit", "max"), ("swap_usage", "swap.current"),
                           ("swap_limit", "swap.max"), ("max_usage", "peak"), ("swap_max_usage", "swap.peak")):
            value = one_number(group + "memory." + file)
            assert abs(getattr(got.memory, name) - value) <= 65536, (name, getattr(got.memory, name), value)
        assert got.memory.usage_limit == 64 << 20
        assert {f.name: getattr(got.memory_events, f.name) for f in got.memory_events.DESCRIPTOR.fields} == {
            **{"oom_group_kill": 0}, **{k: v for k, v in flat_keys(group + "memory.events").items() if k != "sock_throttled"}}
        assert (got.pids.current, got.pids.limit) == (one_number(group + "pids.current"), 99)
        assert got.cpu.nr_periods > 0
        sizes = sorted(f[8:-8] for f in os.listdir(group) if f.startswith("hugetlb.") and f.endswith(".current") and
                       ".rsvd." not in f)
        assert sorted(h.pagesize for h in got.hugetlb) == sizes, (got.hugetlb, sizes)
        usage = {"%d:%d" % (e.major, e.minor): e for e in got.io.usage}
        for line in open(group + "io.stat"):
            words = line.split()
            pairs = dict(w.split("=") for w in words[1:])
            for key in ("rbytes", "wbytes", "rios", "wios"):
                assert getattr(usage[words[0]], key) == int(pairs.get(key, 0)), (line, usage)
    g.client.Resume(id="figures")
    g.end()


def needs_memory_controller():
    if "memory" not in open("/sys/fs/cgroup/cgroup.controllers").read().split():
        raise Skip("the memory controller is not on cgroups v2 here")


@test("out of memory: told before the exit, counted in Stats until Delete")
def _():
    needs_memory_controller()
    g = Group("oom", events)

    def edit(config):
        config["linux"].setdefault("resources", {})["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
    g.run(args=["sh", "-c", "x=a; while :; do x=$x$x; done"], edit=edit)
    assert g.client.Wait(id="oom").exit_status == 137
    metrics = m.Metrics.FromString(g.client.Stats(id="oom").stats.value)
    assert metrics.memory_events.oom_kill >= 1
    g.end()
    until(lambda: "delete" in events.topics("oom"))
    topics = events.topics("oom")
    assert topics == ["create", "start"] + ["oom"] * topics.count("oom") + ["exit", "delete"] and "oom" in topics, topics


@test("out of memory of an exec: the container goes on")
def _():
    needs_memory_controller()
    g = Group("oomx", events)

    def edit(config):
        config["linux"].setdefault("resources", {})["memory"] = {"limit": 32 << 20, "swap": 32 << 20}
    g.run(edit=edit)
    g.exec_("x", ["sh", "-c", "x=a; while :; do x=$x$x; done"])
    g.client.Start(id="oomx", exec_id="x")
    assert g.client.Wait(id="oomx", exec_id="x").exit_status == 137
    until(lambda: "oom" in events.topics("oomx"))
    assert g.client.State(id="oomx").status == RUNNING
    g.end()


@test("Update: limits change")
def _():
    needs_memory_controller()
    g = Group("limits", events)
    g.run()
    g.client.Update(id="limits", resources=m.Any(type_url="types.containerd.io/x",
                                                 value=b'{"memory": {"limit": 67108864}}'))
    metrics = m.Metrics.FromString(g.client.Stats(id="limits").stats.value)
    assert metrics.memory.usage_limit == 67108864
    g.end()


@test("kill of all reaches everybody")
def _():
    g = Group("all", events)

    def edit(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "pid"]
    g.run(args=["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000; :"], edit=edit)
    until(lambda: len(g.client.Pids(id="all").processes) == 3)
    g.client.Kill(id="all", signal=9, all=True)
    assert g.client.Wait(id="all").exit_status == 137
    g.end()


@test("without a pid namespace the container ends with its init, execs first")
def _():
    g = Group("shared", events)

    def edit(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "pid"]
    g.run(edit=edit)
    for i in range(3):
        g.exec_("x%d" % i, ["sleep", "1000"])
        g.client.Start(id="shared", exec_id="x%d" % i)
    g.client.Kill(id="shared", signal=9)
    g.client.Wait(id="shared")
    exits = [e.id for e in events.of("exit") if e.container_id == "shared"]
    until(lambda: len([e for e in events.of("exit") if e.container_id == "shared"]) == 4)
    exits = [e.id for e in events.of("exit") if e.container_id == "shared"]
    assert exits[-1] == "shared" and sorted(exits[:3]) == ["x0", "x1", "x2"], exits
    fails(9, "cannot exec in a stopped state", g.exec_, exec_id="y", args=["true"])
    g.end()


@test("Update: refused when empty, merged when good")
def _():
    g = Group("update", events)
    g.run()
    fails(3, "no resources", g.client.Update, id="update")
    g.client.Update(id="update", resources=m.Any(type_url="types.containerd.io/x", value=b"{}"))
    g.client.Kill(id="update", signal=9)
    g.client.Wait(id="update")
    fails(9, "cannot update a stopped container", g.client.Update, id="update")
    g.end()


@test("what a client leaves behind when it goes is forgotten")
def _():
    from shim import Client
    g = Group("waiters", events)
    g.run()
    for _ in range(20):
        other = Client(g.address)
        other.send("Wait", id="waiters")
        other.send("Wait", timeout=-1, id="waiters")
        other.close()
    c = g.client
    response = c.receive(c.send("Wait", timeout=50000000, id="waiters"))
    assert response.status.code == 4, response
    g.end()


@test("nothing is left behind")
def _():
    left_behind_nothing(before)


main()
