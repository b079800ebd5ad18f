# Runs inside the peers root: a real dockerd whose containerd is wharfd. Arguments: a folder, that of our programs, how dockerd stores images
# (graph or store; theirs: as store, but on a real containerd with our shim and our snapshotter), the cgroup for its containers. Every step prints "== name", what it has to say, and "rc N".
dir=$1 bin=$2 mode=$3 group=$4
PATH=$bin:$PATH
sock=$dir/ws/containerd.sock tasks=$dir/ws/tasks/moby
store=',"features":{"containerd-snapshotter":true}'
case $mode in
  graph) features= driver=--storage-driver=overlay2 ;;
  store) features=$store driver= ;;
  theirs) features=$store driver=--storage-driver=wharf sock=$dir/c.sock tasks=$dir/cs/io.containerd.runtime.v2.task/moby ;;
esac
echo '{"runtimes":{"runt":{"runtimeType":"io.containerd.runt.v2"}}'"$features}" > "$dir/daemon.json"
d() { timeout -k 1 120 docker -H "unix://$dir/d.sock" "$@"; }
. "$(dirname "$0")/../containerd/config.sh"
containerd_config "$dir/cr" "$dir/cs" "$sock" "$dir/snap.sock" > "$dir/config.toml"
echo "snapshotter-socket = \"$dir/snap.sock\"" > "$dir/wharfd.toml"
# our own Docker layer on the same wharfd, in dockerd's own namespace or beside it
[ "$mode" = store ] && beside=--containerd-namespace=ours || beside=
w() { timeout -k 1 120 docker -H "unix://$dir/ws/docker.sock" "$@"; }
# What dockerd is on: $below are its processes.
wharfd_up() {
  wharfd --root "$dir/wr" --state "$dir/ws" --config "$dir/wharfd.toml" --cgroup-parent "/$group" $beside >> "$dir/wharfd.log" 2>&1 &
  below=$!
  if [ "$mode" = theirs ]; then
    for _ in $(seq 600); do [ -S "$dir/snap.sock" ] && break; sleep 0.1; done
    containerd -c "$dir/config.toml" >> "$dir/containerd.log" 2>&1 &
    below="$below $!"
  fi
  for _ in $(seq 600); do
    [ -S "$sock" ] && ctr -a "$sock" version > "$dir/version" 2>&1 && return
    sleep 0.1
  done
  echo "wharfd does not start"
  tail "$dir/wharfd.log"
  exit 1
}
dockerd_up() {
  dockerd --config-file "$dir/daemon.json" --containerd "$sock" --iptables=false --ip6tables=false --bridge=none $driver \
    --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" -H "unix://$dir/d.sock" \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$group" --live-restore --default-runtime=runt >> "$dir/dockerd.log" 2>&1 &
  dockerd=$!
  for _ in $(seq 600); do
    d version > "$dir/version" 2>&1 && return
    sleep 0.1
  done
  echo "dockerd does not start"
  tail "$dir/dockerd.log"
  exit 1
}
step() {
  echo "== $1"
  shift
  "$@" 2>&1
  echo "rc $?"
}
image() {
  mkdir -p "$dir/bb/bin" "$dir/bb/etc" "$dir/bb/tmp"
  cp /usr/bin/busybox "$dir/bb/bin"
  for name in $("$dir/bb/bin/busybox" --list); do ln -s busybox "$dir/bb/bin/$name" 2> /dev/null; done
  tar -C "$dir/bb" -cf - . | d import -c 'CMD ["sh"]' - lab/bb:1
}
build() {
  mkdir "$dir/ctx"
  printf 'FROM lab/bb:1\nRUN echo built > /x && mkdir /d && chown 5:6 /d\nCOPY f /f\nCMD ["cat","/x","/f"]\n' > "$dir/ctx/Dockerfile"
  echo copied > "$dir/ctx/f"
  d build -q --network none -t lab/built:1 "$dir/ctx" > "$dir/build.log" 2>&1 || cat "$dir/build.log"
  d run --rm lab/built:1
}
saved() {
  d run --name kc lab/built:1 sh -c 'echo more > /y; rm /f' && d diff kc && d commit kc lab/kk:1 > "$dir/id" && d rm kc &&
    d save -o "$dir/saved.tar" lab/kk:1 && d rmi lab/kk:1 > "$dir/rmi" && d load -q -i "$dir/saved.tar" && d run --rm lab/kk:1 cat /y
}
# The network is the test's own: any port is free.
registry() {
  echo '{"version":0.1,"storage":{"filesystem":{"rootdirectory":"'"$dir/reg"'"}},"http":{"addr":"127.0.0.1:5000"}}' > "$dir/reg.yml"
  OTEL_TRACES_EXPORTER=none docker-registry serve "$dir/reg.yml" > "$dir/reg.log" 2>&1 &
  server=$!
  for _ in $(seq 600); do grep -qs 'listening on' "$dir/reg.log" && break; sleep 0.1; done
  exchange
  kill "$server"
}
exchange() {
  name=127.0.0.1:5000/lab/built:1
  d tag lab/built:1 "$name" && d push -q "$name" > "$dir/push.log" 2>&1 && echo pushed || cat "$dir/push.log"
  d rmi lab/built:1 "$name" > "$dir/rmi"
  d pull -q "$name" > "$dir/pull.log" 2>&1 && echo "pulled $(d run --rm "$name" cat /x)" || cat "$dir/pull.log"
}
state() { d inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' "$1"; }
health() {
  d run -d --name hc --health-cmd true --health-interval 1s lab/bb:1 sleep 1000 > "$dir/id"
  for _ in $(seq 600); do
    [ "$(d inspect -f '{{.State.Health.Status}}' hc)" = healthy ] && break
    sleep 0.1
  done
  d inspect -f '{{.State.Health.Status}}' hc
  d rm -f hc
}

wharfd_up
for _ in $(seq 600); do w image inspect busybox > "$dir/id" 2>&1 && break; sleep 0.1; done
w run -d --name mine --network none busybox sh -c 'while :; do echo mine; sleep 0.1; done' > "$dir/id"
w run -d --rm --name fleeting --network none busybox sleep 0.5 > "$dir/id"
dockerd_up
step driver d info -f '{{.Driver}} {{.DefaultRuntime}}'
step import image
step run d run --rm lab/bb:1 echo hello
step status d run --rm lab/bb:1 sh -c 'echo err >&2; exit 7'
step no-file d run --rm lab/bb:1 /nosuch
step no-shim d run --rm --runtime io.containerd.nosuch.v2 lab/bb:1 true
step init d info -f '{{.InitBinary}} {{.InitCommit.ID}}'
echo data > "$dir/data.txt"
step stdin sh -c "timeout 120 docker -H unix://$dir/d.sock run --rm -i lab/bb:1 cat < $dir/data.txt"
step terminal timeout -k 1 120 script -qec "docker -H unix://$dir/d.sock run --rm -t lab/bb:1 tty" /dev/null < /dev/null
step detached d run -d --name c1 lab/bb:1 sh -c 'trap "exit 3" TERM; i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done'
step exec d exec c1 sh -c 'echo in exec; exit 5'
step pause d pause c1
step unpause d unpause c1
step update d update --memory 100m --memory-swap 200m c1
step top d top c1
step stats d stats --no-stream --format '{{.Name}} {{.PIDs}}' c1
step logs sh -c "timeout 120 docker -H unix://$dir/d.sock logs c1 | head -n 2"
step theirs d ps -a --format '{{.Names}}'
step ours w ps -a --format '{{.Names}}'
kill -9 "$dockerd"
wait "$dockerd" 2> /dev/null
dockerd_up
step restored d ps --format '{{.Names}} {{.State}}'
step exec-restored d exec c1 echo again
kill -9 $below
wait $below 2> /dev/null
rm -f "$dir/snap.sock"
wharfd_up
for _ in $(seq 600); do d exec c1 true > /dev/null 2>&1 && break; sleep 0.1; done
step exec-after d exec c1 echo after
# Both are killed, and a container ends before they are back.
mkdir "$dir/flag"
d run -d --name meanwhile -v "$dir/flag:/flag" lab/bb:1 sh -c 'until [ -e /flag/end ]; do sleep 0.1; done; exit 42' > "$dir/id"
pid=$(d inspect -f '{{.State.Pid}}' meanwhile)
kill -9 "$dockerd" $below
wait "$dockerd" $below 2> /dev/null
touch "$dir/flag/end"
for _ in $(seq 600); do kill -0 "$pid" 2> "$dir/version" || break; sleep 0.1; done
rm -f "$dir/snap.sock"
wharfd_up
dockerd_up
for _ in $(seq 600); do [ "$(d inspect -f '{{.State.Running}}' meanwhile)" = false ] && break; sleep 0.1; done
step meanwhile state meanwhile
step both-exec d exec c1 echo both
step meanwhile-gone d rm meanwhile
# Its shim is killed.
d run -d --name victim lab/bb:1 sleep 1000 > "$dir/id"
kill -9 "$(sed -n 's/^PPid:\t//p' "/proc/$(d inspect -f '{{.State.Pid}}' victim)/status")"
for _ in $(seq 600); do [ "$(d inspect -f '{{.State.Running}}' victim)" = false ] && break; sleep 0.1; done
step victim state victim
step victim-gone d rm victim
step restart d restart -t 60 c1
step restarted d ps --format '{{.Names}} {{.State}}'
step ours-prune sh -c "timeout 120 docker -H unix://$dir/ws/docker.sock container prune -f > $dir/prune.log"
step theirs-live d exec c1 echo lives
step stop d stop -t 60 c1
step stopped state c1
step start d start c1
step kill d kill c1
step killed d wait c1
step remove d rm c1
step oom sh -c "timeout 120 docker -H unix://$dir/d.sock run --name oc -m 20m --memory-swap 20m lab/bb:1 sh -c 'x=a; while :; do x=\$x\$x; done'"
# its event may come after the end
oomed() {
  for _ in $(seq 600); do [ "$(d inspect -f '{{.State.OOMKilled}}' oc)" = true ] && break; sleep 0.1; done
  d inspect -f '{{.State.OOMKilled}}' oc
}
step oomed oomed
step health health
step build build
step saved saved
step registry registry
step prune sh -c "timeout 120 docker -H unix://$dir/d.sock system prune -af --volumes > $dir/prune.log"
step images d images -q
step containers d ps -aq
step ours-live w exec mine echo lives
step ours-image w image inspect -f '{{.Os}}' busybox
step ours-status w ps -a --format '{{.Names}} {{.State}}'
w rm -f mine > "$dir/id"
kill "$dockerd"
wait "$dockerd"
step left ctr -a "$sock" -n moby containers ls -q
[ "$mode" = theirs ] || sockets=$dir/ws/s
step tasks sh -c "ls $tasks $sockets; grep $tasks /proc/self/mountinfo"
kill $below
wait $below
