# Runs inside the peers root: a real containerd, its ctr, and our shim. Arguments: a folder with rootfs/ in it, and the folder of our programs.
# Every step prints "== name", what it has to say, and "rc N".
dir=$1
PATH=$2:$PATH
. "$(dirname "$0")/config.sh"
containerd_config "$dir/root" "$dir/state" "$dir/c.sock" > "$dir/config.toml"
real=$(which ctr)
ctr() { timeout -k 1 120 "$real" -a "$dir/c.sock" "$@"; }
up() {
  containerd -c "$dir/config.toml" >> "$dir/log" 2>&1 &
  daemon=$!
  for _ in $(seq 600); do
    ctr version > "$dir/version" 2>&1 && return
    sleep 0.1
  done
  echo "containerd does not start"
  tail "$dir/log"
  exit 1
}
down() {
  kill "$1" "$daemon"
  wait "$daemon"
}
step() {
  echo "== $1"
  shift
  "$@" 2>&1
  echo "rc $?"
}
run() {
  id=$1
  shift
  ctr run --runtime io.containerd.runt.v2 --cgroup "/$(basename "$dir")/$id" "$@"
}
piped() {
  (sleep 0.5; echo data) | run c3 --rm --rootfs "$dir/rootfs" c3 /bin/cat
}
in_terminal() {
  script -qec "$real -a $dir/c.sock tasks exec -t --exec-id e2 c4 /bin/sh -c 'tty; exit 3'" /dev/null < /dev/null
}
signalled() {
  run c5 -d --rootfs "$dir/rootfs" c5 /bin/sh -c 'trap "exit 9" TERM; : > /tmp/up; while :; do sleep 0.1; done'
  for _ in $(seq 600); do [ -e "$dir/rootfs/tmp/up" ] && break; sleep 0.1; done
  ctr tasks kill -s TERM c5
  for _ in $(seq 600); do
    ctr tasks ls | grep -q 'c5 .*STOPPED' && break
    sleep 0.1
  done
  ctr tasks delete c5
  ctr containers delete c5
}
dead_shim() {
  run c6 -d --rootfs "$dir/rootfs" c6 /bin/sleep 1000
  kill -9 "$(cat "$dir/state/io.containerd.runtime.v2.task/default/c6/shim.pid")"
  for _ in $(seq 600); do
    ctr tasks ls | grep -q c6 || break
    sleep 0.1
  done
  ctr tasks ls
  ctr containers delete c6
}

up
step run run c1 --rm --rootfs "$dir/rootfs" c1 /bin/echo hello from runt
step status run c2 --rm --rootfs "$dir/rootfs" c2 /bin/sh -c 'echo err >&2; exit 7'
step stdin piped
step nothing run cx --rm --rootfs "$dir/rootfs" cx /no/such/program
step detached run c4 -d --rootfs "$dir/rootfs" c4 /bin/sleep 1000
step list ctr tasks ls
step exec ctr tasks exec --exec-id e1 c4 /bin/sh -c 'echo in exec; exit 5'
step ps ctr tasks ps c4
step metrics ctr tasks metrics c4
step pause ctr tasks pause c4
step paused ctr tasks ls
step resume ctr tasks resume c4
step terminal in_terminal
step signal signalled
step dead dead_shim
down -TERM
up
step again ctr tasks ls
step exec-again ctr tasks exec --exec-id e3 c4 /bin/echo again
down -KILL
up
step killed ctr tasks ls
step kill ctr tasks kill -s KILL c4
for _ in $(seq 600); do
  ctr tasks ls | grep -q RUNNING || break
  sleep 0.1
done
step delete ctr tasks delete c4
step remove ctr containers delete c4
shims() {
  cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\0' ' ' | grep -c "[c]ontainerd-shim-runt-v2 -namespace default -address $dir"
}
# a shim answers Shutdown first, and ends then
for _ in $(seq 600); do
  [ "$(shims)" = 0 ] && break
  sleep 0.1
done
left() {
  ls "$dir/s" "$dir/state/io.containerd.runtime.v2.task/default"
  grep "$dir/state" /proc/self/mountinfo
  shims
}
step left left
down -TERM
