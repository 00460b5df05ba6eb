# SPDX-License-Identifier: Apache-2.0
"""Measures shims on their sockets: usage shim.py FOLDER-OF-shim.py ROUNDS (called by tests/bench/shim)."""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, sys.argv[1])
import shim  # noqa: E402
from shim import Events, Group, m, process  # noqa: E402

ROUNDS = int(sys.argv[2])
PODS = 20
MANY = int(os.environ.get("BENCH_PODS", "100"))
EXECS = int(os.environ.get("BENCH_EXECS", "10000"))
CYCLES = int(os.environ.get("BENCH_CONTAINERS", "500"))
AT_ONCE = 8
PATIENCE = 60  # seconds for the pods of one kind: who is slower has fewer
events = Events(shim.T + "/c.sock.ttrpc")


def kinds():
    """name: (program, options)"""
    found = {"skerry": (os.environ["SHIM"], None)}
    go = shutil.which("containerd-shim-runc-v2")
    if not go:
        print("not installed, left out: containerd-shim-runc-v2")
        return found
    for peer in ("runc", "crun"):
        if shutil.which(peer):
            options = m.RuncOptions(binary_name=shutil.which(peer), root="/run/" + peer)
            found["go+" + peer] = (go, m.Any(type_url="containerd.runc.v1.Options",
                                             value=options.SerializeToString()))
        else:
            print("not installed, left out: " + peer)
    return found


def memory(pid):
    sums = {}
    for line in open("/proc/%d/smaps_rollup" % pid):
        words = line.split()
        if words[0] in ("Rss:", "Pss:", "Private_Dirty:"):
            sums[words[0]] = int(words[1])
    for line in open("/proc/%d/status" % pid):
        words = line.split()
        if words[0] in ("Threads:", "VmPTE:"):
            sums[words[0]] = int(words[1])
    return sums


def median(values):
    return sorted(values)[len(values) // 2]


def make(name, options, containers=1):
    """A pod as CRI makes it: the shim's own container and others in its group."""
    g = Group(name, events, stdin=options.SerializeToString() if options else b"")
    more = {"options": options} if options else {}
    g.run(**more)
    for i in range(1, containers):
        id = "%s-%d" % (name, i)
        bundle = shim.make_bundle(id, annotations={"io.kubernetes.cri.sandbox-id": name})
        shim.start(id, bundle, stdin=options.SerializeToString() if options else b"", env=g.env)
        shim.set_config(bundle, ["sleep", "1000"])
        g.client.Create(id=id, bundle=bundle, **more)
        g.client.Start(id=id)
    g.ids = [name] + ["%s-%d" % (name, i) for i in range(1, containers)]
    return g


def measure_memory(kind, options, containers):
    pods = [make("%s%d" % (kind.replace("+", "-"), i), options, containers) for i in range(PODS)]
    time.sleep(3)
    sums = [memory(g.pid) for g in pods]
    print("%-10s %8d %8d %8d %8d %8d" % ((kind,) + tuple(median([s[k] for s in sums]) for k in (
        "Rss:", "Pss:", "Private_Dirty:", "VmPTE:", "Threads:"))))
    for g in pods:
        g.end(*reversed(g.ids))


def measure_many(kind, options):
    """What a full node pays: the shims of all its pods together, pods of three containers."""
    begun = time.time()
    pods = []
    while len(pods) < MANY and time.time() - begun < PATIENCE:
        pods.append(make("%s-m%d" % (kind.replace("+", "-"), len(pods)), options, 3))
    took = time.time() - begun
    time.sleep(3)
    sums = [memory(g.pid) for g in pods]
    print("%-10s %6d %9.1f %9.1f %9.1f %9.2f" % ((kind, len(pods)) + tuple(sum(s[k] for s in sums) / 1024 for k in (
        "Rss:", "Pss:", "Private_Dirty:")) + (took / len(pods),)))
    for g in pods:
        g.end(*reversed(g.ids))


def run_execs(c, id, names):
    for name in names:
        c.Exec(id=id, exec_id=name, spec=process(["true"]))
    starts = [c.send("Start", id=id, exec_id=name) for name in names]
    for s in starts:
        c.result("Start", s)
    waits = [c.send("Wait", id=id, exec_id=name) for name in names]
    for w in waits:
        assert c.result("Wait", w).exit_status == 0
    for name in names:
        c.Delete(id=id, exec_id=name)


def soak(kind, options):
    """Memory after many execs of one container, then after many containers of one pod."""
    id = kind.replace("+", "-") + "-soak"
    g = make(id, options)
    more = {"options": options} if options else {}
    row = []
    # Go's take too long for all of it
    execs_n, cycles = (EXECS, CYCLES) if kind == "skerry" else (EXECS // 10, CYCLES // 10)
    looks = [execs_n // n // AT_ONCE * AT_ONCE for n in (100, 10, 2)]
    begun = time.time()
    for i in range(0, execs_n, AT_ONCE):
        if i in looks:
            row.append(memory(g.pid)["Private_Dirty:"])
        run_execs(g.client, id, ["e%d" % (i + j) for j in range(AT_ONCE)])
    execs = time.time() - begun
    row.append(memory(g.pid)["Private_Dirty:"])
    other = id + "-app"
    begun = time.time()
    for i in range(cycles):
        bundle = shim.make_bundle(other, annotations={"io.kubernetes.cri.sandbox-id": id})
        os.close(shim.LOGS.pop())
        shim.set_config(bundle, ["true"])
        g.client.Create(id=other, bundle=bundle, **more)
        g.client.Start(id=other)
        g.client.Wait(id=other)
        g.client.Delete(id=other)
    row.append(memory(g.pid)["Private_Dirty:"])
    fds = len(os.listdir("/proc/%d/fd" % g.pid))
    print("%-10s" % kind + "".join("%10d" % v for v in row) + "%8d %9.2f %9.2f" % (
        fds, execs / execs_n * 1000, (time.time() - begun) / cycles * 1000))
    g.end()


def timed(times, name, function):
    begun = time.perf_counter()
    result = function()
    times.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
    return result


def measure_calls(kind, options):
    times = {}
    more = {"options": options} if options else {}
    for i in range(ROUNDS):
        id = "%s-c%d" % (kind.replace("+", "-"), i)
        bundle = shim.make_bundle(id)
        shim.set_config(bundle, ["sleep", "1000"])
        env = dict(os.environ, TTRPC_ADDRESS=events.path)
        stdin = options.SerializeToString() if options else b""
        address = timed(times, "shim start", lambda: shim.start(id, bundle, stdin, env=env))
        c = shim.Client(open(bundle + "/address").read() if not address.startswith(b"unix") else address.decode())
        timed(times, "Create", lambda: c.Create(id=id, bundle=bundle, **more))
        timed(times, "Start", lambda: c.Start(id=id))
        timed(times, "State", lambda: c.State(id=id))
        timed(times, "Stats", lambda: c.Stats(id=id))
        timed(times, "Pids", lambda: c.Pids(id=id))

        def run_exec():
            c.Exec(id=id, exec_id="x", spec=process(["true"]))
            c.Start(id=id, exec_id="x")
        timed(times, "Exec + Start", run_exec)
        c.Wait(id=id, exec_id="x")
        c.Delete(id=id, exec_id="x")

        def kill():
            c.Kill(id=id, signal=9)
            c.Wait(id=id)
        timed(times, "Kill + Wait", kill)
        timed(times, "Delete", lambda: c.Delete(id=id))
        pid = c.Connect(id=id).shim_pid
        try:
            c.Shutdown(id=id)
        except EOFError:
            pass
        shim.until(lambda: not os.path.exists("/proc/%d" % pid))
        timed(times, "shim delete", lambda: subprocess.run(
            [shim.SHIM, "-namespace", "ns", "-address", shim.T + "/c.sock", "-publish-binary", "/bin/false", "-id", id,
             "-bundle", bundle, "delete"], cwd=bundle, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=True))
    times["Create + Start"] = [a + b for a, b in zip(times["Create"], times["Start"])]
    return {name: median(values) for name, values in times.items()}


def main():
    all_kinds = kinds()

    def each(what):
        for kind, (program, options) in all_kinds.items():
            shim.SHIM = program
            try:
                what(kind, options)
            except Exception as e:  # pylint: disable=broad-except
                print("%-10s (failed: %s)" % (kind, e))
            sys.stdout.flush()

    for containers in (1, 3):
        print("\n%d idle pods of %d container%s: median of each shim (KiB)" % (PODS, containers, "s" * (containers > 1)))
        print("%-10s %8s %8s %8s %8s %8s" % ("", "RSS", "PSS", "dirty", "VmPTE", "threads"))
        each(lambda kind, options, n=containers: measure_memory(kind, options, n))
    print("\nthe shims of many pods of 3 containers together (MiB), and the time to make a pod (s)")
    print("%-10s %6s %9s %9s %9s %9s" % ("", "pods", "RSS", "PSS", "dirty", "each"))
    each(measure_many)
    print("\nprivate dirty memory (KiB) after parts of %d execs, %d at a time, and then %d containers (go: a tenth of "
          "both); ms for each" % (EXECS, AT_ONCE, CYCLES))
    print("%-10s" % "" + "".join("%10s" % part for part in ("1 %", "10 %", "50 %", "all", "+ conts"))
          + "%8s %9s %9s" % ("fds", "exec", "container"))
    each(soak)
    results = {}
    for kind, (program, options) in all_kinds.items():
        shim.SHIM = program
        try:
            results[kind] = measure_calls(kind, options)
        except Exception as e:  # pylint: disable=broad-except
            print("%-10s (failed: %s)" % (kind, e))
    print("\ncalls on the socket (ms, median of %d)" % ROUNDS)
    print("%-16s" % "" + "".join("%10s" % k for k in results) + "%10s" % "ratio")
    for name in results["skerry"]:
        row = [results[k].get(name, 0) for k in results]
        print("%-16s" % name + "".join("%10.2f" % v for v in row) + ("%10.2f" % (row[0] / row[1]) if len(row) > 1 else ""))
    sys.stdout.flush()


main()
