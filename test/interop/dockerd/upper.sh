# Runs inside the peers root: our Docker layer on a real containerd. Arguments: a folder, that of our programs, the cgroup for containers.
# Every step prints "== name", what it has to say, and "rc N".
dir=$1 bin=$2 group=$3
sock=$dir/c.sock
. "$(dirname "$0")/../containerd/config.sh"
containerd_config "$dir/root" "$dir/state" "$sock" > "$dir/config.toml"
printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: "127.0.0.1:5000"}\n' "$dir" > "$dir/registry.yml"
OTEL_TRACES_EXPORTER=none docker-registry serve "$dir/registry.yml" > "$dir/registry.log" 2>&1 &
registry=$!
d() { timeout -k 1 120 docker -H "unix://$dir/ws/docker.sock" "$@"; }
containerd_up() {
  containerd -c "$dir/config.toml" >> "$dir/containerd.log" 2>&1 &
  containerd=$!
  for _ in $(seq 600); do
    ctr -a "$sock" version > "$dir/version" 2>&1 && return
    sleep 0.1
  done
  echo "containerd does not start"
  exit 1
}
wharfd_up() {
  rm -f "$dir/ws/docker.sock"
  "$bin/wharfd" --root "$dir/wr" --state "$dir/ws" --cgroup-parent "/$group" --containerd "$sock" >> "$dir/wharfd.log" 2>&1 &
  wharfd=$!
  for _ in $(seq 600); do
    d images -q busybox 2> "$dir/version" | grep -q . && return
    sleep 0.1
  done
  echo "wharfd does not start"
  exit 1
}
step() {
  echo "== $1"
  shift
  "$@" 2>&1
  echo "rc $?"
}
lost() {
  timeout 60 "$bin/wharfd" --root "$dir/r2" --state "$dir/s2" --containerd "$dir/nobody.sock"
}
run() { d run --network none "$@"; }

step nobody lost
containerd_up
wharfd_up
step run run --rm busybox echo hello
step status run --rm busybox sh -c 'echo err >&2; exit 7'
step detached run -d --name c1 busybox sh -c 'trap "exit 3" TERM; i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done'
step exec d exec c1 sh -c 'echo in exec; exit 5'
step pause d pause c1
step unpause d unpause c1
step stats d stats --no-stream --format '{{.Name}} {{.PIDs}}' c1
kill -9 "$wharfd"
wait "$wharfd" 2> /dev/null
wharfd_up
step exec-after-wharfd d exec c1 echo again
kill -9 "$containerd"
wait "$containerd" 2> /dev/null
containerd_up
for _ in $(seq 600); do d exec c1 true > "$dir/version" 2>&1 && break; sleep 0.1; done
step exec-after-containerd d exec c1 echo after
step listed d ps --format '{{.Names}} {{.State}}'
step logs sh -c "timeout 120 docker -H unix://$dir/ws/docker.sock logs c1 | head -n 2"
step stop d stop -t 60 c1
step stopped d inspect -f '{{.State.Status}} {{.State.ExitCode}}' c1
step start d start c1
step kill d kill c1
step killed d wait c1
# Ends that nobody answers for: of a shim that is killed, and while one of the daemons is dead.
state() { d inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1"; }
ended() {
  for _ in $(seq 600); do [ "$(d inspect -f '{{.State.Running}}' "$1")" = false ] && break; sleep 0.1; done
  state "$1"
}
pid_of() { d inspect -f '{{.State.Pid}}' "$1"; }
gone() { for _ in $(seq 600); do kill -0 "$1" 2> "$dir/version" || return 0; sleep 0.1; done; }
mkdir "$dir/flag"
ends() { run -d --name "$1" -v "$dir/flag:/flag" busybox sh -c "until [ -e /flag/$1 ]; do sleep 0.1; done; exit 42" > "$dir/id"; }
step victim run -d --name victim busybox sleep 1000
kill -9 "$(sed -n 's/^PPid:\t//p' "/proc/$(pid_of victim)/status")"
step victim-ended ended victim
ends without-wharfd
pid=$(pid_of without-wharfd)
kill -9 "$wharfd"
wait "$wharfd" 2> /dev/null
touch "$dir/flag/without-wharfd"
gone "$pid"
wharfd_up
step without-wharfd ended without-wharfd
ends without-containerd
pid=$(pid_of without-containerd)
kill -9 "$containerd"
wait "$containerd" 2> /dev/null
touch "$dir/flag/without-containerd"
gone "$pid"
containerd_up
step without-containerd ended without-containerd
step ended-gone d rm victim without-wharfd without-containerd
step commit d commit c1 localhost:5000/lab/c:1
step remove d rm c1
step push d push -q localhost:5000/lab/c:1
step forget d rmi -f localhost:5000/lab/c:1
step pull d pull -q localhost:5000/lab/c:1
step pulled run --rm localhost:5000/lab/c:1 echo pulled
step oom run --name oc -m 20m --memory-swap 20m busybox sh -c 'x=a; while :; do x=$x$x; done'
# its event may come after the end
oomed() {
  for _ in $(seq 600); do [ "$(d inspect -f '{{.State.OOMKilled}}' oc)" = true ] && break; sleep 0.1; done
  d inspect -f '{{.State.OOMKilled}}' oc
}
step oomed oomed
step gone d rm oc
step prune sh -c "timeout 120 docker -H unix://$dir/ws/docker.sock image prune -af > $dir/prune.log"
kill "$wharfd" "$registry"
wait "$wharfd" "$registry"
step containers ctr -a "$sock" -n moby containers ls -q
step snapshots ctr -a "$sock" -n moby leases ls -q
step mounts grep "$dir/state" /proc/self/mountinfo
kill "$containerd"
wait "$containerd"
