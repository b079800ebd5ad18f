# Runs inside the peers root: a wharfd whose snapshotter a real containerd and a second wharfd use. Arguments: a folder, that of our programs, a cgroup.
dir=$1 bin=$2 group=$3
sock=$dir/c.sock
. "$(dirname "$0")/../containerd/config.sh"
containerd_config "$dir/root" "$dir/state" "$sock" "$dir/snap.sock" > "$dir/config.toml"
printf 'snapshotter-socket = "%s/snap.sock"\n' "$dir" > "$dir/one.toml"
printf '[snapshotters.other]\naddress = "unix://%s/snap.sock"\n' "$dir" > "$dir/two.toml"
wait_for() {
  for _ in $(seq 600); do "$@" > "$dir/version" 2>&1 && return; sleep 0.1; done
  echo "no $*"
  exit 1
}
step() {
  echo "== $1"
  shift
  "$@" 2>&1
  echo "rc $?"
}
first= second= containerd=
trap 'kill $first $second $containerd 2> /dev/null' EXIT
one() { "$bin/wharfd" --root "$dir/1" --state "$dir/s1" --config "$dir/one.toml" --cgroup-parent "/$group" >> "$dir/wharfd.log" 2>&1 & first=$!; wait_for test -S "$dir/snap.sock"; }
one
"$bin/wharfd" --root "$dir/2" --state "$dir/s2" --config "$dir/two.toml" --cgroup-parent "/$group" >> "$dir/two.log" 2>&1 & second=$!
containerd -c "$dir/config.toml" >> "$dir/containerd.log" 2>&1 & containerd=$!
wait_for ctr -a "$sock" version
wait_for docker -H "unix://$dir/s1/docker.sock" image inspect busybox
docker -H "unix://$dir/s1/docker.sock" save -o "$dir/bb.tar" busybox
theirs() { timeout -k 1 120 ctr -a "$sock" "$@"; }
# A namespace of its own: both programs number their keys in the one that they share.
ours() { timeout -k 1 120 ctr -a "$dir/s2/containerd.sock" -n lab "$@"; }
inner() { timeout -k 1 120 ctr -a "$dir/s1/containerd.sock" "$@"; }
wait_for ours version
for who in theirs ours; do
  [ $who = theirs ] && name=wharf || name=other
  step $who-plugin $who plugins ls "type==io.containerd.snapshotter.v1,id==$name"
  step $who-import $who images import --local --no-unpack "$dir/bb.tar"
  step $who-run $who run --rm --snapshotter $name --cgroup "/$group/$who" docker.io/library/busybox:latest c-$who echo hello from $name
  mkdir "$dir/rootfs-$who"
  step $who-mounted $who images mount --snapshotter $name docker.io/library/busybox:latest "$dir/rootfs-$who"
  step $who-seen ls "$dir/rootfs-$who/bin/busybox"
  step $who-unmount $who images unmount --snapshotter $name --rm "$dir/rootfs-$who"
  step $who-list sh -c "timeout 120 ctr $([ $who = theirs ] && echo "-a $sock" || echo "-a $dir/s2/containerd.sock -n lab") snapshots --snapshotter $name ls | grep -c Committed"
done
kill -9 "$first"
wait "$first" 2> /dev/null
rm "$dir/snap.sock"
one
step ours-again ours run --rm --snapshotter other --cgroup "/$group/again" docker.io/library/busybox:latest c-again echo again
step kept sh -c "timeout 120 ctr -a $dir/s1/containerd.sock snapshots ls | grep -c default/"
ours images rm --sync docker.io/library/busybox:latest > "$dir/version"
gone() { ! inner -n lab snapshots ls | grep -q lab/; }
for _ in $(seq 600); do gone && break; sleep 0.1; done
step gone inner -n lab snapshots ls
step others inner snapshots ls
kill "$second" "$containerd"
wait "$second" "$containerd"
kill "$first"
wait "$first"
