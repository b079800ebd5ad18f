"""docker-py on a daemon: a broad scenario. The only argument is the daemon's address."""

import io
import json
import sys
import tarfile

import docker
from docker.types import LogConfig, Mount, Ulimit

client = docker.DockerClient(base_url=sys.argv[1])
NONE = {"network_mode": "none"}


def check(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r} instead of {wanted!r}")


def fails(error, status, work):
    try:
        work()
    except error as caught:
        check("status", caught.response.status_code, status)
        return caught.explanation
    raise AssertionError(f"{work} should fail")


# the daemon
check("ping", client.ping(), True)
check("version", client.version()["ApiVersion"], "1.51")
check("info", client.info()["OSType"], "linux")
assert client.df()["LayersSize"] > 0

# run in the foreground: output, environment, exit code
check("run", client.containers.run("busybox", "echo hello", remove=True, **NONE), b"hello\n")
output = client.containers.run(
    "busybox",
    ["sh", "-c", "echo $A; id -u; pwd; ulimit -n; hostname"],
    environment={"A": "b"},
    user="7",
    working_dir="/tmp",
    ulimits=[Ulimit(name="nofile", soft=100, hard=200)],
    hostname="inside",
    remove=True,
    **NONE,
)
check("run with options", output, b"b\n7\n/tmp\n100\ninside\n")
try:
    client.containers.run("busybox", ["sh", "-c", "echo why >&2; exit 4"], remove=True, **NONE)
except docker.errors.ContainerError as error:
    check("exit code", (error.exit_status, error.stderr), (4, b"why\n"))
else:
    raise AssertionError("it should fail")

# detached: life, lists, logs, exec, stats, top, update, rename, wait
box = client.containers.run(
    "busybox",
    ["sh", "-c", "echo begun; exec sleep 1000"],
    name="box",
    detach=True,
    labels={"by": "docker-py"},
    log_config=LogConfig(type="json-file", config={"max-size": "1m", "max-file": "2"}),
    tmpfs={"/t": "size=1m"},
    cap_drop=["ALL"],
    mem_limit="64m",
    pids_limit=50,
    **NONE,
)
check("list", client.containers.list(filters={"label": "by=docker-py"}), [box])
check("status", client.containers.get("box").status, "running")
stream = box.logs(stream=True, follow=True)
check("logs", next(stream), b"begun\n")
check("exec", box.exec_run("echo in"), (0, b"in\n"))
check("exec apart", box.exec_run(["sh", "-c", "echo o; echo e >&2"], demux=True), (0, (b"o\n", b"e\n")))
check("exec code", box.exec_run("false").exit_code, 1)
check("exec of nothing", box.exec_run("nosuch").exit_code, 127)
assert box.stats(stream=False)["pids_stats"]["current"] > 0
assert "sleep 1000" in json.dumps(box.top())
box.update(mem_limit="96m", memswap_limit="192m")
box.reload()
check("update", box.attrs["HostConfig"]["Memory"], 96 << 20)
box.rename("other")
box.pause()
box.reload()
check("paused", box.status, "paused")
box.unpause()
fails(docker.errors.APIError, 409, lambda: box.remove())
box.stop(timeout=0)
check("wait", box.wait()["StatusCode"], 137)
box.start()
box.kill(signal="KILL")

# files, changes, commit
data = io.BytesIO()
with tarfile.open(fileobj=data, mode="w") as tar:
    info = tarfile.TarInfo("put")
    info.size = 3
    tar.addfile(info, io.BytesIO(b"abc"))
check("put", box.put_archive("/tmp", data.getvalue()), True)
bits, stat = box.get_archive("/tmp/put")
check("stat", (stat["name"], stat["size"]), ("put", 3))
with tarfile.open(fileobj=io.BytesIO(b"".join(bits))) as tar:
    check("get", tar.extractfile("put").read(), b"abc")
assert {"Path": "/tmp/put", "Kind": 1} in box.diff()
assert len(b"".join(box.export())) > 10000
made = box.commit(repository="made", tag="1", message="m", changes=["ENV X=y"])
check("commit", client.containers.run("made:1", ["sh", "-c", "cat /tmp/put; echo $X"], remove=True, **NONE), b"abcy\n")
box.remove(force=True)

# images
made.tag("again", tag="2")
check("tags", sorted(client.images.get("again:2").tags), ["again:2", "made:1"])
check("history", client.images.get("made:1").history()[0]["Comment"], "m")
saved = b"".join(made.save(named="made:1"))
client.images.remove("made:1")
client.images.remove("again:2")
check("load", client.images.load(saved)[0].tags, ["made:1"])
client.images.remove("made:1")
fails(docker.errors.ImageNotFound, 404, lambda: client.images.get("made:1"))
try:
    client.images.load(b"no archive")
except docker.errors.ImageLoadError:
    pass
else:
    raise AssertionError("load should fail")

# volumes and mounts
volume = client.volumes.create(name="pv", labels={"k": "v"})
check("volumes", client.volumes.list(filters={"label": "k"}), [volume])
mount = Mount(target="/v", source="pv")
client.containers.run("busybox", ["sh", "-c", "echo kept > /v/f"], mounts=[mount], remove=True, **NONE)
check("kept", client.containers.run("busybox", "cat /v/f", volumes={"pv": {"bind": "/v", "mode": "ro"}}, remove=True, **NONE), b"kept\n")
volume.remove()
fails(docker.errors.NotFound, 404, lambda: client.volumes.get("pv"))

# the default network
net = client.containers.run("busybox", "sleep 1000", detach=True, ports={"80/tcp": None})
net.reload()
assert net.attrs["NetworkSettings"]["IPAddress"]
assert int(net.ports["80/tcp"][0]["HostPort"]) > 0
check("network", client.networks.get("bridge").containers, [net])
net.remove(force=True)

# events and prune
events = client.events(decode=True, filters={"type": "container", "event": ["create"]})
gone = client.containers.create("busybox", "true", **NONE)
check("event", next(events)["Actor"]["ID"], gone.id)
events.close()
check("prune", client.containers.prune()["ContainersDeleted"], [gone.id])
mine = client.networks.create("mine", labels={"a": "b"})
named = client.containers.run("busybox", ["sleep", "1000"], name="named", network="mine", detach=True)
seen = client.containers.run("busybox", ["ping", "-c", "1", "named"], network="mine", remove=True)
assert b"1 packets received" in seen, seen
assert list(named.attrs["NetworkSettings"]["Networks"]) == ["mine"]
fails(docker.errors.APIError, 403, mine.remove)
named.remove(force=True)
mine.remove()
print("done")
