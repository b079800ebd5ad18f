# Runs inside the peers root: podman of a user without rights, on runt. Arguments: a folder of that user with busybox.tar, and runt. Every
# step prints "== name", what it has to say, and "rc N".
dir=$1
runt=$2
id=1234
cd "$dir" || exit 1
printf 'root:x:0:0:root:/root:/bin/sh\ntester:x:%s:%s::%s:/bin/sh\n' $id $id "$dir/home" > passwd
printf 'root:x:0:\ntester:x:%s:\n' $id > group
echo tester:200000:65536 > ids
for file in passwd group; do mount --bind "$dir/$file" /etc/$file; done
for file in subuid subgid; do mount --bind "$dir/ids" /etc/$file; done
mkdir home run && chown $id:$id home run
export HOME="$dir/home" TMPDIR="$dir/home" XDG_RUNTIME_DIR="$dir/run" USER=tester PODMAN_IGNORE_CGROUPSV1_WARNING=1
storage="--root $HOME/storage --runroot $HOME/runroot --storage-driver vfs --tmpdir $HOME/tmp --events-backend file"
user() { timeout -k 1 120 setpriv --reuid $id --regid $id --clear-groups --inh-caps=-all "$@"; }
# shellcheck disable=SC2086
podman() { user podman $storage --runtime "$runt" --cgroup-manager cgroupfs "$@"; }
step() {
  echo "== $1"
  shift
  "$@" 2>&1
  echo "rc $?"
}
podman import "$dir/busybox.tar" busybox:latest > import.log 2>&1 || cat import.log
# podman loses the output of one run in some hundreds that ends at once, with crun as well: programs stay a moment
step run podman run --rm --network none busybox sh -c 'id -u; cat /proc/self/uid_map; sleep 1; exit 6'
step user podman run --rm --network none --user 7:8 busybox sh -c 'echo $(id -u):$(id -g); sleep 1'
step detached podman run -d --name a --network none busybox sleep 1000
step exec podman exec a sh -c 'id -u; sleep 1; exit 5'
step state user ls "$XDG_RUNTIME_DIR/runt"
step kill podman kill a
step wait podman wait a
step remove podman rm -f -t 0 a
# the process that holds the user namespace open
user podman $storage system migrate > migrate.log 2>&1
