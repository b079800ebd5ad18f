# Runs inside the peers root, where criu is: checkpoint and restore by wharfd, its shim and runt, and by containerd's shim and runc.
# Arguments: a folder with rootfs/ in it, and the folder of our programs. Every step prints "== name", what it has to say, and "rc N".
dir=$1
bin=$2
group=/$(basename "$dir")
PATH=$PATH:$bin
export WHARF_ROOT="$dir/r" WHARF_STATE="$dir/s" WHARF_CONFIG="$dir/none.toml" HOME="$dir"
mkdir -p "$dir/s"
image=docker.io/library/busybox:latest
rootfs=$dir/rootfs
real() { timeout -k 1 120 /usr/bin/ctr -a "$dir/s/containerd.sock" -n moby "$@" < /dev/null; }
ours() { timeout -k 1 120 "$bin/ctr" -a "$dir/s/containerd.sock" -n moby "$@" < /dev/null; }
until_true() { for _ in $(seq 600); do "$@" > "$dir/until" 2>&1 && return; sleep 0.1; done; cat "$dir/until"; return 1; }
step() {
  echo "== $1"
  shift
  "$@" 2>&1 < /dev/null
  echo "rc $?"
}
# A shell that counts, without children, since criu cannot seize one that waits for its vfork. While it reads it has its own stdin above 2.
counting='mkdir -p /tmp; mkfifo /tmp/pace; exec 9<> /tmp/pace; i=0; while :; do i=$((i+1)); echo $i >> /tmp/count; echo $i; read -t 0.1 x <&9; done'
files="$rootfs"
count() { tail -n 1 "$files/tmp/count"; }
more_than() { [ "$(count)" -gt "$1" ]; }
goes_on() { until_true more_than "$(count)"; }
stopped() { real tasks ls | grep "^$1 .*STOPPED"; }
remove() { until_true stopped "$1" && real tasks rm "$1" > "$dir/out" 2>&1; real containers rm "$1"; }
gone() { real tasks kill -s KILL "$1" && remove "$1"; }
begin() { rm -rf "$files/tmp"; mkdir -p "$files/tmp"; run "$@" /bin/sh -c "$counting" && until_true more_than 3; }
run() { name=$1; shift; ours run -d --runtime "$runtime" --cgroup "$group/$name" "$@"; }
# the name that the image got is the last line
kept() { ours tasks checkpoint "$@" > "$dir/name" && tail -n 1 "$dir/name"; }
restore() { at=$(count); run "$@" --checkpoint "$(tail -n 1 "$dir/name")" --rootfs "$rootfs" "$1" /bin/sh -c "$counting" && [ "$(count)" -ge "$at" ]; }
piped() { (sleep 60 > "$dir/in" & echo $! > "$dir/feeder"; "$@" < "$dir/in"); }

wharfd --cgroup-parent "$group" > "$dir/s/log" 2>&1 & daemon=$!
until_true real version
until_true sh -c "wharf images -q busybox | grep ."

runtime=io.containerd.runt.v2
step run begin a --rootfs "$rootfs" a
step checkpoint kept a
step goes-on goes_on
step contents sh -c "timeout 120 ctr -a $dir/s/containerd.sock -n moby images ls -q | grep -c checkpoint/a"
step image-path real tasks checkpoint --image-path "$dir/images" a
step images ls "$dir/images/inventory.img" "$dir/images/descriptors.json"
step exit kept --exit a
step ended until_true stopped a
step of-stopped ours tasks checkpoint a
remove a
step restore restore a
step still-counts goes_on
step bundle sh -c "ls -d $dir/s/tasks/moby/a/criu-work $dir/s/tasks/moby/a/checkpoint"
step exec ours tasks exec --exec-id x a echo inside
step again kept --exit a
remove a
step restore-again restore a
step second-life goes_on
step gone gone a

step file begin f --log-uri "file://$dir/first" --rootfs "$rootfs" f
step file-kept kept --exit f
remove f
step file-restored restore f --log-uri "file://$dir/second"
step file-goes-on goes_on
step file-written test -s "$dir/second"
gone f

step terminal begin tty -t --rootfs "$rootfs" tty
step terminal-kept kept --exit tty
remove tty
step terminal-restored restore tty -t
step terminal-goes-on goes_on
gone tty

# a container as a whole: its changed files, too; by either ctr
counted() { real tasks exec --exec-id y$(date +%N) "$1" sh -c 'n=$(tail -n 1 /tmp/count); [ "$n" -gt 3 ] && head -n 1 /tmp/count'; }
for ctr in real ours; do
  run $ctr $image $ctr /bin/sh -c "$counting"
  until_true counted $ctr
  step $ctr-kept $ctr containers checkpoint --rw --image --task $ctr kept:$ctr
  gone $ctr
  step $ctr-restored $ctr containers restore --rw --live back kept:$ctr
  step $ctr-count counted back
  gone back
done

runtime=io.containerd.runc.v2
step runc begin r --null-io --rootfs "$rootfs" r
step runc-kept kept --exit r
remove r
step runc-restored restore r --null-io
step runc-goes-on goes_on
gone r

step left sh -c "ls -A $dir/r/checkpoints $dir/s/tasks/moby $dir/s/runt/moby; grep $dir/s /proc/self/mountinfo; true"
kill $daemon
wait $daemon
