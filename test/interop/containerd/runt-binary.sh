# Runs inside the peers root: a real containerd with its own shim, which is given our runt as its program. Arguments: a folder
# with rootfs/ in it, and runt. Every step prints "== name", what it has to say, and "rc N".
dir=$1
runt=$2
. "$(dirname "$0")/config.sh"
containerd_config "$dir/root" "$dir/state" "$dir/c.sock" > "$dir/config.toml"
ctr() { timeout -k 1 120 ctr_ -a "$dir/c.sock" "$@"; }
real=$(which ctr)
mkdir "$dir/bin" && ln -s "$real" "$dir/bin/ctr_" && PATH=$dir/bin:$PATH
containerd -c "$dir/config.toml" > "$dir/log" 2>&1 &
daemon=$!
for _ in $(seq 600); do
  ctr version > "$dir/version" 2>&1 && break
  sleep 0.1
done
step() {
  echo "== $1"
  shift
  "$@" 2>&1
  echo "rc $?"
}
run() {
  id=$1
  shift
  ctr run --runtime io.containerd.runc.v2 --runc-binary "$runt" --cgroup "/$(basename "$dir")/$id" "$@"
}
until_stopped() {
  for _ in $(seq 600); do
    ctr tasks ls | grep -q "$1 .*STOPPED" && return
    sleep 0.1
  done
}
step run run c1 --rm --rootfs "$dir/rootfs" c1 /bin/echo hello from runt
step status run c2 --rm --rootfs "$dir/rootfs" c2 /bin/sh -c 'echo err >&2; exit 7'
step nothing run c3 --rm --rootfs "$dir/rootfs" c3 /no/such/program
ctr tasks rm c3 > "$dir/rest" 2>&1
ctr containers rm c3 >> "$dir/rest" 2>&1
step terminal script -qec "$real -a $dir/c.sock run --rm -t --runc-binary $runt --cgroup /$(basename "$dir")/c4 --rootfs $dir/rootfs c4 /bin/sh -c 'tty; exit 3'" /dev/null < /dev/null
step detached run c5 -d --memory-limit 67108864 --rootfs "$dir/rootfs" c5 /bin/sleep 1000
step exec ctr tasks exec --exec-id e1 c5 /bin/sh -c 'echo in exec; exit 5'
step ps ctr tasks ps c5
step metrics ctr tasks metrics c5
step pause ctr tasks pause c5
step paused ctr tasks ls
step resume ctr tasks resume c5
step kill ctr tasks kill -s KILL c5
until_stopped c5
step delete ctr tasks delete c5
step remove ctr containers delete c5
kill "$daemon"
wait "$daemon"
