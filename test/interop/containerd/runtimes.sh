# Runs inside the peers root: wharfd with runc, crun and runsc, by Docker's API with our shim, and by the real ctr with containerd's.
# Arguments: a folder with rootfs/ in it, and the folder of our programs. Every step prints "== name", what it has to say, and "rc N".
dir=$1
group=/$(basename "$dir")
PATH=$PATH:$2
export WHARF_ROOT="$dir/r" WHARF_STATE="$dir/s" WHARF_CONFIG="$dir/config.toml" DOCKER_HOST="unix://$dir/s/docker.sock" HOME="$dir"
mkdir -p "$dir/s"
# Debian's runsc takes every network namespace of a new kernel for the host's
printf '#!/bin/sh\nexec runsc --network=none "$@"\n' > "$dir/gvisor"
chmod +x "$dir/gvisor"
cat > "$dir/config.toml" << END
[runtimes.runc]
binary = "runc"
[runtimes.crun]
binary = "crun"
[runtimes.gvisor]
binary = "$dir/gvisor"
END
docker() { timeout -k 1 120 /usr/bin/docker "$@"; }
ctr() { timeout -k 1 120 /usr/bin/ctr -a "$dir/s/containerd.sock" "$@"; }
until_true() { for _ in $(seq 600); do "$@" > "$dir/until" 2>&1 && return; sleep 0.1; done; cat "$dir/until"; return 1; }
step() {
  echo "== $1"
  shift
  "$@" 2>&1 < /dev/null
  echo "rc $?"
}
run() { docker run --network none --cgroup-parent "$group" "$@"; }
# never sleeps: Debian's runsc breaks down when a process does ("panic: running on goroutine …", 2 of 40 times without us, too)
busy='trap "exit 9" TERM; echo begun; while :; do :; done'

wharfd > "$dir/s/log" 2>&1 & daemon=$!
until_true docker image inspect busybox
in_exec() {
  # a shell that waits for cat sleeps, and so does cat
  [ "$1" != gvisor ] || { docker exec "$1" sh -c 'echo data; exit 5'; return; }
  echo data | docker exec -i "$1" sh -c 'cat; exit 5'
}
begun() { docker logs "$1" | grep begun; }
for name in runt runc crun gvisor; do
  step $name-run run --rm --runtime $name busybox sh -c 'echo hello; echo error >&2; exit 7'
  step $name-detached run -d --name $name --runtime $name busybox sh -c "$busy"
  step $name-logs until_true begun $name
  step $name-exec in_exec $name
  step $name-kernel docker exec $name uname -v
  step $name-stats docker stats --no-stream --format '{{.CPUPerc}} {{.MemUsage}}' $name
  step $name-pause docker pause $name
  step $name-paused docker ps --format '{{.Names}} {{.Status}}'
  step $name-unpause docker unpause $name
  step $name-kill docker kill -s TERM $name
  step $name-wait docker wait $name
  step $name-rm docker rm $name
  step $name-missing run --rm --runtime $name busybox /no/such/program
  [ $name = gvisor ] || step $name-terminal run --rm -t --runtime $name busybox sh -c '[ -t 1 ] && exit 3'
done
step by-shim run --rm --runtime io.containerd.runc.v2 busybox echo 'by its name'

task() { # NAME BINARY
  id=$1
  step $1-run ctr run --rm --cgroup "$group/$id" --runc-binary "$2" --rootfs "$dir/rootfs" $id /bin/sh -c 'echo hello; exit 7'
  step $1-detached ctr run -d --log-uri "file://$dir/$id.log" --cgroup "$group/$id" --runc-binary "$2" --rootfs "$dir/rootfs" $id /bin/sh -c "$busy"
  step $1-logs until_true grep begun "$dir/$id.log"
  step $1-exec ctr tasks exec --exec-id e1 $id /bin/sh -c 'echo in exec; exit 5'
  step $1-ps ctr tasks ps $id
  step $1-metrics ctr tasks metrics $id
  step $1-pause ctr tasks pause $id
  step $1-paused ctr tasks ls
  step $1-resume ctr tasks resume $id
  step $1-kill ctr tasks kill -s TERM $id
  stopped() { ctr tasks ls | grep -q "^$id .*STOPPED"; }
  step $1-stopped until_true stopped
  step $1-delete ctr tasks delete $id
  step $1-remove ctr containers delete $id
}
task shim-runc runc
task shim-crun crun
task shim-gvisor "$dir/gvisor"
# runc's shim opens the standard input after runc has made the container; here it is where the shim does not see it
mkdir "$dir/hidden"
hidden() { unshare -m sh -c 'mount -t tmpfs none "$1/hidden" && shift && exec "$@"' hidden "$dir" timeout -k 1 120 /usr/bin/ctr -a "$dir/s/containerd.sock" "$@"; }
step failed-create hidden run --rm --fifo-dir "$dir/hidden" --cgroup "$group/failed" --runc-binary runc --rootfs "$dir/rootfs" failed /bin/true
step failed-left sh -c 'runc --root /run/containerd/runc/default list -q 2> /dev/null; grep "$1/s/tasks" /proc/mounts' failed "$dir"
step failed-again ctr run --rm --cgroup "$group/failed" --runc-binary runc --rootfs "$dir/rootfs" failed /bin/sh -c 'exit 7'
# a shim that is killed takes its container with it
step dead-detached ctr run -d --null-io --cgroup "$group/dead" --runc-binary crun --rootfs "$dir/rootfs" dead /bin/sleep 1000
pid=$(ctr tasks ls | sed -n 's/^dead *\([0-9]*\).*/\1/p')
kill -9 "$(sed -n 's/^PPid:\t//p' "/proc/$pid/status")"
gone() { ctr tasks ls | grep '^dead .*STOPPED' && ! kill -0 "$pid"; }
step dead-stopped until_true gone
step dead-delete ctr tasks delete dead
step dead-remove ctr containers delete dead

step left sh -c "ls -A $dir/s/tasks/* $dir/s/s; grep $dir/s /proc/self/mountinfo; cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\0' ' ' | grep -c '[s]him-run[ct]-v2 -namespace [a-z]* -address $dir'"
kill $daemon
wait $daemon

# what a handler names has to be there
printf '[runtimes.kata]\nbinary = "no-such-kata"\n' > "$dir/config.toml"
step missing-binary wharfd
printf '[runtimes.kata]\ntype = "io.containerd.kata.v2"\n' > "$dir/config.toml"
step missing-shim wharfd
printf '[runtimes.other]\ntype = "io.containerd.runc.v2"\n' > "$dir/config.toml"
step foreign-shim wharfd
