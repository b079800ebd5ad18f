# Runs inside the peers root, where criu is: a container is checkpointed, ended, restored and removed by ctr while the daemon is killed at one of its
# fail points; then all of it again. Arguments as checkpoint.sh. Prints "== POINT", what is wrong, and "rc N", of a sample or with WHARF_TEST_ALL=1 of each.
dir=$1
bin=$2
group=/$(basename "$dir")
PATH=$PATH:$bin
export WHARF_ROOT="$dir/r" WHARF_STATE="$dir/s" WHARF_CONFIG="$dir/none.toml" WHARF_AUTOSTART=0 HOME="$dir"
rootfs=$dir/rootfs
ours() { timeout -k 1 60 "$bin/ctr" -a "$dir/s/containerd.sock" -n moby "$@" < /dev/null; }
# not for longer than there is a daemon
until_true() { for _ in $(seq 600); do "$@" > "$dir/until" 2>&1 && return; ! dead || return 1; sleep 0.1; done; return 1; }
# as in checkpoint.sh: without children, and without a descriptor above 2 that is its stdin
counting='mkdir -p /tmp; mkfifo /tmp/pace; exec 9<> /tmp/pace; i=0; while :; do i=$((i+1)); echo $i >> /tmp/count; echo $i; read -t 0.1 x <&9; done'
count() { tail -n 1 "$rootfs/tmp/count"; }
more_than() { [ "$(count)" -gt "$1" ]; }
goes_on() { until_true more_than "$(count)"; }
stopped() { ours tasks ls | grep -q "^cp .*STOPPED"; }
goes_on_or_ended() { more_than "$1" || stopped; }
not_running() { ours tasks ls > "$dir/tasks" && ! grep -q "^cp .*RUNNING" "$dir/tasks"; }
has_busybox() { [ -n "$(wharf images -q busybox)" ]; }
# a child that nobody has waited for yet can be signalled still
dead() { ! grep -q '^State:.[^ZX]' "/proc/$daemon/status" 2> /dev/null; }
start() { WHARF_FAILPOINT=$1 wharfd --cgroup-parent "$group" >> "$dir/s/log" 2>&1 & daemon=$!; until_true has_busybox; }
run() { ours run -d --runtime io.containerd.runt.v2 --cgroup "$group/cp" "$@" --rootfs "$rootfs" cp /bin/sh -c "$counting"; }

# `did` is what was acknowledged last
road() {
  did=nothing
  rm -rf "$rootfs/tmp"
  mkdir -p "$rootfs/tmp"
  run && until_true more_than 3 || return
  did=ran
  ours tasks checkpoint cp && goes_on || return
  did=kept
  ours tasks checkpoint --exit cp > "$dir/name" || return
  did=ended
  until_true stopped && ours tasks rm cp && ours containers rm cp || return
  did=removed
  run --checkpoint "$(tail -n 1 "$dir/name")" || return
  did=restored
  goes_on && ours tasks kill -s KILL cp && until_true stopped || return
  did=killed
  ours tasks rm cp && ours containers rm cp || return
  did=gone
}

clean() {
  ours tasks kill -s KILL cp
  until_true not_running
  ours tasks rm -f cp
  ours containers rm cp
  for name in $(ours images ls -q | grep checkpoint); do ours images rm --sync "$name"; done
  # a client's own lease lasts a day where the daemon was killed before it could be given back
  for name in $(ours leases ls -q); do ours leases rm --sync "$name"; done
}

left() {
  ls -A "$dir/r/checkpoints" "$dir/s/tasks/moby" "$dir/s/runt/moby" 2> /dev/null | grep -v ":$"
  grep "$dir/s" /proc/self/mountinfo
  ls "$dir/r/content/ingest"
}
nothing_left() { [ -z "$(left | grep .)" ]; }

end() {
  kill "$@" $daemon
  wait $daemon
}

# what must be true after a crash: the container that runs goes on, unless the step that was cut off ended it
kept() {
  case $did in
    ran) goes_on ;;
    killed) until_true not_running ;;
    kept | restored) until_true goes_on_or_ended "$(count)" ;;
  esac || { echo "after $did the container is not as it should be"; return 1; }
  clean > "$dir/out" 2>&1
  road > "$dir/out" 2>&1
  [ $did = gone ] || { echo "again it comes only to $did:"; cat "$dir/out"; return 1; }
  clean > "$dir/out" 2>&1
  until_true nothing_left || { echo "left:"; left; return 1; }
}

at() {
  rm -rf "$dir/r" "$dir/s"
  mkdir -p "$dir/s"
  start "$1"
  road > "$dir/out" 2>&1
  [ $did != gone ] || until_true dead || { end -KILL; echo "not reached"; }
  end -KILL 2> /dev/null
  start ''
  kept || { tail -n 10 "$dir/s/log"; false; }
  status=$?
  end
  return $status
}

mkdir -p "$dir/s"
start '*'
before=$(grep -c '^failpoint ' "$dir/s/log")
road > "$dir/out" 2>&1
echo "== road"
[ $did = gone ] || { echo "it comes only to $did"; cat "$dir/out"; }
echo "rc 0"
grep '^failpoint ' "$dir/s/log" | awk -v before="$before" '{ n[$2]++; if (NR > before) print $2 ":" n[$2] }' > "$dir/points"
clean > "$dir/out" 2>&1
end
if [ "$WHARF_TEST_ALL" = 1 ]; then points=$(cat "$dir/points"); else
  points=$(for name in ttrpc.after.Checkpoint agent.before.diff agent.after.unpack; do grep "^$name:" "$dir/points" | tail -n 1; done)
fi
for point in $points; do
  echo "== $point"
  at "$point"
  echo "rc $?"
done
