# SPDX-License-Identifier: Apache-2.0
"""What the tests of the shim are written with: a ttrpc client, containerd's side of the events, bundles, TAP.

The messages come from task.proto by protoc and python3-protobuf, which know nothing of the shim's tables.
Environment: SHIM, the program under test; T, a folder of our own; BASE, a config.json to start from.
"""
import glob
import importlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
T = os.environ["T"]
SHIM = os.environ["SHIM"]

os.makedirs(T + "/py", exist_ok=True)
subprocess.run(["protoc", "-I" + HERE, "--python_out=" + T + "/py", HERE + "/task.proto"], check=True)
sys.path.insert(0, T + "/py")
m = importlib.import_module("task_pb2")

METHODS = {  # method: (request, reply)
    "Create": (m.CreateRequest, m.PidReply), "Start": (m.ProcessRequest, m.PidReply),
    "State": (m.ProcessRequest, m.StateReply), "Wait": (m.ProcessRequest, m.WaitReply),
    "Kill": (m.KillRequest, m.Empty), "Delete": (m.ProcessRequest, m.DeleteReply), "Exec": (m.ExecRequest, m.Empty),
    "ResizePty": (m.ResizeRequest, m.Empty), "CloseIO": (m.CloseIORequest, m.Empty),
    "Connect": (m.ProcessRequest, m.ConnectReply), "Pids": (m.ProcessRequest, m.PidsReply),
    "Stats": (m.ProcessRequest, m.StatsReply), "Shutdown": (m.ShutdownRequest, m.Empty),
    "Update": (m.UpdateRequest, m.Empty), "Pause": (m.ProcessRequest, m.Empty), "Resume": (m.ProcessRequest, m.Empty),
    "Checkpoint": (m.CheckpointRequest, m.Empty),
}
SANDBOX = {  # of the Sandbox service
    "CreateSandbox": (m.SandboxCreateRequest, m.Empty), "StartSandbox": (m.SandboxRequest, m.SandboxStartReply),
    "Platform": (m.SandboxRequest, m.PlatformReply), "StopSandbox": (m.SandboxStopRequest, m.Empty),
    "WaitSandbox": (m.SandboxRequest, m.WaitReply), "SandboxStatus": (m.SandboxStatusRequest, m.SandboxStatusReply),
    "PingSandbox": (m.SandboxRequest, m.Empty), "ShutdownSandbox": (m.SandboxRequest, m.Empty),
    "SandboxMetrics": (m.SandboxRequest, m.SandboxMetricsReply),
}
METHODS.update(SANDBOX)
CREATED, RUNNING, STOPPED, PAUSED = 1, 2, 3, 4
LOGS = []


class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__("%d: %s" % (code, message))
        self.code = code
        self.message = message


def read_exactly(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise EOFError("connection closed")
        data += more
    return data


def read_frame(sock):
    length, stream, kind, flags = struct.unpack(">IIBB", read_exactly(sock, 10))
    return stream, kind, flags, read_exactly(sock, length)


class Client:
    """One connection; calls may overlap: send() now, receive() later."""

    def __init__(self, address, version=2):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(address.replace("unix://", ""))
        self.service = "containerd.task.v%d.Task" % version
        self.stream = -1
        self.answers = {}

    def close(self):
        self.sock.close()

    def send(self, method, timeout=0, service=None, **fields):
        self.stream += 2
        service = service or ("containerd.runtime.sandbox.v1.Sandbox" if method in SANDBOX else self.service)
        request = m.Request(service=service, method=method, timeout_nano=timeout,
                            metadata=[m.KeyValue(key="containerd-namespace-ttrpc", value="ns")])
        if method in METHODS:
            request.payload = METHODS[method][0](**fields).SerializeToString()
        data = request.SerializeToString()
        self.sock.sendall(struct.pack(">IIBB", len(data), self.stream, 1, 0) + data)
        return self.stream

    def receive(self, stream):
        while stream not in self.answers:
            at, kind, _, data = read_frame(self.sock)
            assert kind == 2, kind
            self.answers[at] = m.Response.FromString(data)
        return self.answers.pop(stream)

    def result(self, method, stream):
        response = self.receive(stream)
        if response.HasField("status") and response.status.code:
            raise RpcError(response.status.code, response.status.message)
        return METHODS[method][1].FromString(response.payload)

    def call(self, method, **fields):
        return self.result(method, self.send(method, **fields))

    def __getattr__(self, method):
        if method not in METHODS:
            raise AttributeError(method)
        return lambda **fields: self.call(method, **fields)


class Events(threading.Thread):
    """containerd's ttrpc socket: takes events, keeps them in order."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.got = []
        self.refuse = 0
        self.open()
        self.start()

    def open(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(self.path)
        self.sock.listen(100)
        self.conns = []

    def shut(self):
        """As if containerd had gone."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        os.unlink(self.path)
        for conn in self.conns:
            conn.shutdown(socket.SHUT_RDWR)
            conn.close()

    def again(self):
        self.open()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        sock = self.sock
        while True:
            try:
                conn, _ = sock.accept()
            except OSError:
                return
            self.conns.append(conn)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            while True:
                stream, _, _, data = read_frame(conn)
                request = m.Request.FromString(data)
                assert request.service == "containerd.services.events.ttrpc.v1.Events", request.service
                assert request.method == "Forward" and stream % 2 == 1
                answer = b""
                if self.refuse > 0:
                    self.refuse -= 1
                    answer = m.Response(status=m.Status(code=14, message="not now")).SerializeToString()
                else:
                    e = m.ForwardRequest.FromString(request.payload).envelope
                    name = e.event.type_url.replace("containerd.events.", "")
                    assert e.namespace == "ns" and e.timestamp.seconds > 0, e
                    self.got.append((e.topic, getattr(m, name).FromString(e.event.value)))
                conn.sendall(struct.pack(">IIBB", len(answer), stream, 2, 0) + answer)
        except (EOFError, OSError):
            pass

    def topics(self, container=None):
        return [t.replace("/tasks/", "") for t, e in self.got if container in (None, e.container_id)]

    def of(self, topic):
        return [e for t, e in self.got if t == "/tasks/" + topic]


def until(what, seconds=60):
    """what() becomes true."""
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return
        time.sleep(0.01)
    raise AssertionError("did not happen in time")


class Group:
    """A shim, started as containerd does, for one container or a pod's."""

    def __init__(self, id, events, stdin=b"", args=(), annotations=None, ttrpc=True, extra_env=None):
        self.id = id
        self.events = events
        self.bundle = make_bundle(id, annotations=annotations)
        env = dict(os.environ)
        env.pop("TTRPC_ADDRESS", None)
        if ttrpc:
            env["TTRPC_ADDRESS"] = events.path
        env.update(extra_env or {})
        self.env = env
        self.started = start(id, self.bundle, stdin, args, env)
        self.address = open(self.bundle + "/address").read()
        self.client = Client(self.address)
        self.pid = self.client.Connect(id=id).shim_pid

    def create(self, id=None, args=("sleep", "1000"), **fields):
        id = id or self.id
        bundle = self.bundle if id == self.id else make_bundle(id)
        edit = fields.pop("edit", None)
        set_config(bundle, args, fields.get("terminal", False), edit)
        return self.client.Create(id=id, bundle=bundle, **fields).pid

    def run(self, id=None, args=("sleep", "1000"), **fields):
        pid = self.create(id, args, **fields)
        self.client.Start(id=id or self.id)
        return pid

    def exec_(self, exec_id, args, id=None, **fields):
        self.client.Exec(id=id or self.id, exec_id=exec_id, spec=process(args, fields.get("terminal", False)), **fields)

    def end(self, *ids):
        """Everything deleted, the shim gone."""
        for id in ids or (self.id,):
            try:
                self.client.Kill(id=id, signal=9)
                self.client.Wait(id=id)
            except RpcError:
                pass
            self.client.Delete(id=id)
        try:
            self.client.Shutdown(id=self.id)
        except EOFError:  # Go's shim often goes before it has answered
            pass
        until(lambda: not os.path.exists("/proc/%d" % self.pid))
        self.client.close()

    def delete(self, id=None, bundle=None):
        """The program's `delete`, as containerd runs it."""
        bundle = bundle or self.bundle
        p = subprocess.run([SHIM, "-namespace", "ns", "-address", T + "/c.sock", "-publish-binary", "/bin/false", "-id",
                            id or self.id, "-bundle", bundle, "delete"], cwd=bundle, env=self.env, timeout=120,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert p.returncode == 0, p.stderr
        assert p.stderr == b"", p.stderr
        return m.DeleteReply.FromString(p.stdout)


def start(id, bundle, stdin=b"", args=(), env=None, want=0):
    p = subprocess.run([SHIM, "-namespace", "ns", "-address", T + "/c.sock", "-publish-binary", "/bin/false", "-id", id,
                        *args, "start"], cwd=bundle, input=stdin, env=env, timeout=120, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    assert p.returncode == want, p.stdout
    return p.stdout


def process(args, terminal=False):
    config = json.load(open(os.environ["BASE"]))["process"]
    config["args"] = list(args)
    config["terminal"] = terminal
    return m.Any(type_url="types.containerd.io/opencontainers/runtime-spec/1/Process",
                 value=json.dumps(config).encode())


def make_bundle(id, annotations=None):
    bundle = "%s/bundles/%s" % (T, id)
    shutil.rmtree(bundle, ignore_errors=True)
    os.makedirs(bundle + "/rootfs")
    os.mkfifo(bundle + "/log")
    LOGS.append(os.open(bundle + "/log", os.O_RDWR))  # as containerd does: Go's shim waits for a reader
    config = json.load(open(os.environ["BASE"]))
    config["root"]["path"] = T + "/rootfs"
    config["annotations"] = annotations or {}
    json.dump(config, open(bundle + "/config.json", "w"))
    return bundle


def set_config(bundle, args, terminal=False, edit=None):
    config = json.load(open(bundle + "/config.json"))
    config["process"]["args"] = list(args)
    config["process"]["terminal"] = terminal
    if edit:
        edit(config)
    json.dump(config, open(bundle + "/config.json", "w"))


class Fifos:
    """containerd's ends of a process's fifos."""

    def __init__(self, name, stdin=False, stderr=True):
        base = "%s/fifo-%s" % (T, name)
        self.names = {}
        self.fds = {}
        for kind in ("stdin",) * stdin + ("stdout",) + ("stderr",) * stderr:
            path = "%s-%s" % (base, kind)
            if os.path.exists(path):
                os.unlink(path)
            os.mkfifo(path)
            self.names[kind] = path
            if kind != "stdin":
                self.fds[kind] = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self, kind="stdout", seconds=60):
        """All of it, until its end of file."""
        data = b""
        end = time.time() + seconds
        begun = False
        while time.time() < end:
            try:
                more = os.read(self.fds[kind], 65536)
            except BlockingIOError:
                begun = True
                time.sleep(0.005)
                continue
            if more:
                begun = True
                data += more
            elif begun:
                return data
            else:
                time.sleep(0.005)  # nobody has opened it yet
        raise AssertionError("no end of file; so far %r" % data)

    def read_some(self, kind="stdout", seconds=60):
        end = time.time() + seconds
        while time.time() < end:
            try:
                more = os.read(self.fds[kind], 65536)
                if more:
                    return more
            except BlockingIOError:
                pass
            time.sleep(0.005)
        raise AssertionError("nothing came")

    def open_stdin(self):
        return os.open(self.names["stdin"], os.O_WRONLY | os.O_NONBLOCK)

    def close(self):
        for fd in self.fds.values():
            os.close(fd)
        self.fds = {}


def fails(code, text, call, **fields):
    try:
        call(**fields)
    except RpcError as e:
        assert e.code == code and text in e.message, "got %s" % e
        return
    raise AssertionError("went through")


def inventory():
    """What a shim can leave behind."""
    found = ["mount " + line.split()[4] for line in open("/proc/self/mountinfo")]
    found += ["cgroup " + root for root, _, _ in os.walk("/sys/fs/cgroup")
              if ".slice" not in root and ".scope" not in root]
    found += ["socket " + path for path in glob.glob("/run/containerd/s/*")]
    found += ["state " + path for path in glob.glob("/run/containerd/skerry/ns/*")]
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            text = open(stat).read()
        except OSError:
            continue
        pid, name, state = text.split(" ", 1)[0], text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2]
        try:
            exe = os.readlink("/proc/%s/exe" % pid)
        except OSError:
            exe = ""
        if name.startswith(("containerd-shim", "skerry:")) or "busybox" in exe or state == "Z":
            found.append("process %s %s %s" % (pid, name, state))
    return sorted(found)


def left_behind_nothing(before):
    end = time.time() + 30
    while time.time() < end:
        now = inventory()
        if now == before:
            return
        time.sleep(0.05)
    raise AssertionError("left behind: %s; gone: %s" % (sorted(set(now) - set(before)), sorted(set(before) - set(now))))


class Skip(Exception):
    pass


TESTS = []


def test(name):
    def add(function):
        TESTS.append((name, function))
        return function
    return add


def main():
    bad = 0
    wanted = sys.argv[1:]
    n = 0
    for name, function in TESTS:
        if wanted and not any(w in name for w in wanted):
            continue
        n += 1
        begun = time.time()
        try:
            function()
            if time.time() - begun > 5:
                print("# %.0f s:" % (time.time() - begun))
            print("ok %d - %s" % (n, name))
        except Skip as reason:
            print("ok %d - %s # SKIP %s" % (n, name, reason))
        except Exception:  # pylint: disable=broad-except
            bad += 1
            print("not ok %d - %s" % (n, name))
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
        sys.stdout.flush()
    print("1..%d" % n)
    sys.exit(bad != 0)
