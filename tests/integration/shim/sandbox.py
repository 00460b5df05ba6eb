# SPDX-License-Identifier: Apache-2.0
"""The Sandbox service: what containerd 2.x's "shim" sandbox controller calls, in its order."""
import json
import os
import platform
import shutil
import signal
import subprocess
import time

import shim
from shim import (T, Client, Events, RpcError, fails, inventory, left_behind_nothing, m, main, make_bundle, set_config,
                  test, until)

events = Events(T + "/c.sock.ttrpc")
before = inventory()
POD, CONTAINER, NODE = 0, 1, 2
IDS = m.IDMapping(host_id=100000, container_id=0, length=65536)


class Pod:
    """start with BootstrapParams in a bundle without config.json, CreateSandbox, StartSandbox."""

    def __init__(self, id, netns="", options=None, start=True, **wishes):
        self.id = id
        self.bundle = "%s/bundles/%s" % (T, id)
        shutil.rmtree(self.bundle, ignore_errors=True)
        os.makedirs(self.bundle + "/rootfs")
        self.env = dict(os.environ, TTRPC_ADDRESS=events.path)
        params = m.BootstrapParams(instance_id=id, namespace="ns", containerd_version="2.3.0",
                                   extensions=[m.Extension(value=options)] if options else [])
        result = m.BootstrapResult.FromString(
            shim.start(id, self.bundle, params.SerializeToString(), env=self.env))
        assert (result.version, result.protocol) == (3, "ttrpc"), result
        self.address = result.address
        self.client = Client(self.address, version=3)
        self.pid = self.client.Connect(id=id).shim_pid
        self.config = m.PodSandboxConfig(
            metadata=m.PodSandboxMetadata(name=id, uid=id, namespace="test"), hostname=wishes.pop("hostname", id),
            linux=m.LinuxPodSandboxConfig(cgroup_parent=wishes.pop("parent", ""), sysctls=wishes.pop("sysctls", {}),
                                          security_context=m.LinuxSandboxSecurityContext(
                                              namespace_options=m.NamespaceOption(**wishes))))
        self.netns = netns
        if start:
            self.create()
            self.init = self.client.StartSandbox(sandbox_id=id).pid

    def create(self):
        self.client.CreateSandbox(sandbox_id=self.id, bundle_path=self.bundle, netns_path=self.netns, options=m.Any(
            type_url="runtime.v1.PodSandboxConfig", value=self.config.SerializeToString()))

    def end(self):
        self.client.ShutdownSandbox(sandbox_id=self.id)
        until(lambda: not os.path.exists("/proc/%d" % self.pid))
        self.delete()

    def delete(self):
        """As containerd's shim manager after the connection has gone."""
        p = subprocess.run([shim.SHIM, "-namespace", "ns", "-address", T + "/c.sock", "-publish-binary", "/bin/false",
                            "-id", self.id, "-bundle", self.bundle, "delete"], cwd=self.bundle, env=self.env, timeout=30,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert (p.returncode, p.stderr) == (0, b""), p
        return m.DeleteReply.FromString(p.stdout)


def ns(pid, name):
    return os.readlink("/proc/%s/ns/%s" % (pid, name))


@test("a pod's life: created, started, asked, stopped, shut down")
def _():
    p = Pod("life", start=False)
    c = p.client
    fails(5, "not created", c.StartSandbox, sandbox_id="life")
    fails(5, "not created", c.PingSandbox, sandbox_id="life")
    p.create()
    assert c.SandboxStatus(sandbox_id="life").state == "SANDBOX_NOTREADY"
    fails(6, "already exists", p.create)
    started = c.StartSandbox(sandbox_id="life")
    assert abs(started.created_at.seconds - time.time()) < 30
    assert started.spec.type_url.endswith("runtime-spec/1/Spec")
    assert json.loads(started.spec.value)["hostname"] == "life"
    until(lambda: open("/proc/%d/comm" % started.pid).read() == "pause\n")
    c.PingSandbox(sandbox_id="life")
    s = c.SandboxStatus(sandbox_id="life", verbose=True)
    assert (s.sandbox_id, s.pid, s.state) == ("life", started.pid, "SANDBOX_READY"), s
    assert s.info["bundle"] == p.bundle and s.created_at == started.created_at and not s.HasField("exited_at")
    got = c.Platform(sandbox_id="life").platform
    assert got.os == "linux" and got.architecture == {"x86_64": "amd64", "aarch64": "arm64"}.get(
        platform.machine(), got.architecture), got
    metrics = c.SandboxMetrics(sandbox_id="life").metrics
    assert metrics.id == "life" and metrics.data.type_url == "io.containerd.cgroups.v2.Metrics"
    assert m.Metrics.FromString(metrics.data.value).HasField("cpu")
    waiting = c.send("WaitSandbox", sandbox_id="life")
    c.StopSandbox(sandbox_id="life", timeout_secs=10)
    assert c.result("WaitSandbox", waiting).exit_status == 0  # it took SIGTERM
    c.StopSandbox(sandbox_id="life", timeout_secs=10)
    s = c.SandboxStatus(sandbox_id="life")
    assert s.state == "SANDBOX_NOTREADY" and s.exited_at.seconds > 0 and not s.info
    fails(14, "has ended", c.PingSandbox, sandbox_id="life")
    p.end()
    assert events.topics("life") == []  # containerd waits by WaitSandbox


@test("its namespaces: its own, the host's where CRI says so, the network by path")
def _():
    subprocess.run(["unshare", "-n", "sh", "-c", "touch %s/net && mount --bind /proc/self/ns/net %s/net" % (T, T)],
                   check=True)
    p = Pod("own", netns=T + "/net")
    net = subprocess.run(["nsenter", "--net=" + T + "/net", "readlink", "/proc/self/ns/net"], check=True,
                         stdout=subprocess.PIPE).stdout.decode().strip()
    assert ns(p.init, "net") == net
    assert all(ns(p.init, n) != ns("self", n) for n in ("ipc", "uts", "pid", "mnt"))
    name = subprocess.run(["nsenter", "-u", "-t", str(p.init), "hostname"], stdout=subprocess.PIPE).stdout
    assert name == b"own\n", name
    p.end()
    subprocess.run(["umount", T + "/net"], check=True)
    p = Pod("node", network=NODE, pid=NODE, ipc=NODE)
    assert all(ns(p.init, n) == ns("self", n) for n in ("net", "ipc", "uts", "pid"))
    p.end()


@test("its process: nothing but a root of its own, no privileges, no descriptors, the group that CRI names")
def _():
    p = Pod("bare", parent="/pods/burst", sysctls={"kernel.shm_rmid_forced": "1"})
    until(lambda: os.listdir("/proc/%d/fd" % p.init) == [])
    status = open("/proc/%d/status" % p.init).read()
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    assert sorted(os.listdir("/proc/%d/root" % p.init)) == ["dev", "proc"]
    assert open("/proc/%d/cgroup" % p.init).read().strip().endswith("/pods/burst/bare")
    value = subprocess.run(["nsenter", "-i", "-t", str(p.init), "cat", "/proc/sys/kernel/shm_rmid_forced"],
                           stdout=subprocess.PIPE).stdout
    assert value == b"1\n", value
    try:  # the program is the shim's own: a container's root must not be able to write to it
        os.close(os.open("/proc/%d/exe" % p.init, os.O_WRONLY))
        raise AssertionError("the program can be written to")
    except OSError:
        pass
    p.end()
    os.rmdir("/sys/fs/cgroup/pods/burst")
    os.rmdir("/sys/fs/cgroup/pods")


@test("containers join it on the same socket, without a start of their own")
def _():
    p = Pod("pod")
    c = p.client
    bundle = make_bundle("app", annotations={"io.kubernetes.cri.sandbox-id": "pod"})

    def join(config):
        config["linux"]["namespaces"] = [{"type": "mount"}] + [
            {"type": n, "path": "/proc/%d/ns/%s" % (p.init, short)}
            for n, short in (("pid", "pid"), ("ipc", "ipc"), ("uts", "uts"), ("network", "net"))]
    set_config(bundle, ["sh", "-c", "sleep 1000 & sleep 1000"], edit=join)
    c.Create(id="app", bundle=bundle)
    pid = c.Start(id="app").pid
    assert all(ns(pid, n) == ns(p.init, n) for n in ("ipc", "uts", "net", "pid"))
    assert c.Connect(id="app").shim_pid == p.pid
    # what a container leaves in a shared process namespace the pause process reaps
    c.Kill(id="app", signal=9)
    assert c.Wait(id="app").exit_status == 137
    c.Delete(id="app")
    until(lambda: events.topics("app") == ["create", "start", "exit", "delete"])
    children = "/proc/%d/task/%d/children" % (p.init, p.init)
    until(lambda: not os.path.exists(children) or not open(children).read().strip())
    c.StopSandbox(sandbox_id="pod")
    assert c.WaitSandbox(sandbox_id="pod").exit_status == 137
    p.end()


@test("a pod with a user namespace: its own ids, a network namespace that is theirs, containers in it")
def _():
    p = Pod("users", userns_options=m.UserNamespace(mode=POD, uids=[IDS], gids=[IDS]),
            sysctls={"net.ipv4.ip_unprivileged_port_start": "0"})
    c = p.client
    assert open("/proc/%d/uid_map" % p.init).read().split() == ["0", "100000", "65536"]
    assert open("/proc/%d/gid_map" % p.init).read().split() == ["0", "100000", "65536"]
    assert os.stat("/proc/%d" % p.init).st_uid == 100000
    assert all(ns("self", n) != ns(p.init, n) for n in ("user", "net", "ipc", "uts", "pid"))
    bundle = make_bundle("userapp", annotations={"io.kubernetes.cri.sandbox-id": "users"})

    def join(config):
        config["linux"]["namespaces"] = [{"type": "mount"}, {"type": "pid"}] + [
            {"type": n, "path": "/proc/%d/ns/%s" % (p.init, short)}
            for n, short in (("user", "user"), ("ipc", "ipc"), ("uts", "uts"), ("network", "net"))]
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [
            {"containerID": 0, "hostID": 100000, "size": 65536}]
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] in ("proc", "tmpfs")]
    # its root may change the network of the pod, which belongs to the same user namespace
    set_config(bundle, ["sh", "-c", "ip link add v0 type veth peer name v1 && ip link set lo up && exec sleep 1000"], edit=join)
    config = json.load(open(bundle + "/config.json"))
    for kind in config["process"]["capabilities"].values():
        kind.append("CAP_NET_ADMIN")
    json.dump(config, open(bundle + "/config.json", "w"))
    c.Create(id="userapp", bundle=bundle)
    pid = c.Start(id="userapp").pid
    assert all(ns(pid, n) == ns(p.init, n) for n in ("user", "ipc", "uts", "net"))
    until(lambda: " v0:" in open("/proc/%d/net/dev" % pid).read())
    c.Kill(id="userapp", signal=9)
    c.Wait(id="userapp")
    c.Delete(id="userapp")
    p.end()


@test("the runtime's options that came with start hold for the sandbox")
def _():
    options = m.Any(type_url="containerd.runc.v1.Options",
                    value=m.RuncOptions(root=T + "/other").SerializeToString())
    p = Pod("opts", options=options)
    assert os.path.exists(T + "/other/ns/opts/state.json")
    p.end()
    assert not os.path.exists(T + "/other/ns/opts")


@test("shutdown with a container left: it is killed, the shim leaves, delete clears up")
def _():
    p = Pod("left")
    bundle = make_bundle("leftapp")
    set_config(bundle, ["sleep", "1000"])
    p.client.Create(id="leftapp", bundle=bundle)
    pid = p.client.Start(id="leftapp").pid
    p.end()
    until(lambda: not os.path.exists("/proc/%d" % pid))
    subprocess.run([shim.SHIM, "-namespace", "ns", "-id", "leftapp", "-bundle", bundle, "delete"], cwd=bundle,
                   stdout=subprocess.DEVNULL, check=True)


@test("the pause process is killed: Wait tells, containers without a process namespace of it live on")
def _():
    p = Pod("killed")
    waiting = p.client.send("WaitSandbox", sandbox_id="killed")
    os.kill(p.init, signal.SIGKILL)
    assert p.client.result("WaitSandbox", waiting).exit_status == 137
    assert p.client.SandboxStatus(sandbox_id="killed").state == "SANDBOX_NOTREADY"
    p.end()


@test("kill -9 of the shim: delete ends the sandbox")
def _():
    p = Pod("gone")
    os.kill(p.pid, signal.SIGKILL)
    until(lambda: not os.path.exists("/proc/%d" % p.pid))
    assert p.delete().exit_status == 137
    until(lambda: not os.path.exists("/proc/%d" % p.init))


@test("what cannot be made says why; shutdown of a sandbox that never was ends the shim")
def _():
    p = Pod("bad", start=False, netns="/no/such/netns")
    fails(2, "/no/such/netns", p.create)
    p.netns = ""
    p.create()
    p.end()
    for users in (m.UserNamespace(mode=POD), m.UserNamespace(mode=CONTAINER, uids=[IDS], gids=[IDS])):
        p = Pod("users", start=False, userns_options=users)
        fails(2, "user namespace", p.create)
        p.end()


@test("with a configuration and a rootfs of containerd's it is an ordinary container")
def _():
    p = Pod("given", start=False)
    config = json.load(open(os.environ["BASE"]))
    config["root"]["path"] = "rootfs"
    config["process"]["args"] = ["sleep", "1000"]
    json.dump(config, open(p.bundle + "/config.json", "w"))
    p.client.CreateSandbox(sandbox_id="given", bundle_path=p.bundle,
                           rootfs=[m.Mount(type="bind", source=T + "/rootfs", options=["rbind", "ro"])])
    pid = p.client.StartSandbox(sandbox_id="given").pid
    assert open("/proc/%d/comm" % pid).read() == "sleep\n"
    begun = time.time()
    p.client.StopSandbox(sandbox_id="given", timeout_secs=1)  # sleep as process 1 takes no SIGTERM
    assert 0.9 < time.time() - begun < 60
    assert p.client.WaitSandbox(sandbox_id="given").exit_status == 137
    p.end()
    assert p.bundle not in open("/proc/self/mountinfo").read()


@test("unknown methods and older containerds: the Task service is there without the Sandbox's")
def _():
    p = Pod("old")
    c = p.client
    response = c.receive(c.send("PortForward", service="containerd.runtime.sandbox.v1.Sandbox"))
    assert (response.status.code, response.status.message) == (12, "method PortForward")
    try:
        Client(p.address, version=2).State(id="nobody")
    except RpcError as e:
        assert e.code == 5, e
    p.end()


@test("nothing is left behind")
def _():
    os.rmdir("/sys/fs/cgroup/ns")  # a parent stays: others may be in it
    left_behind_nothing(before)


main()
