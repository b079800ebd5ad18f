# Checkpoint and restore by criu; checkpoint.test.ts says what has to come out.
cgroups > /tmp/before
mkdir -p /var/tmp/c && cd /var/tmp/c
# what the container's streams are cannot be files of the guest
quiet() { shift; rm -f log; runt --log log "$@" < /dev/null > /dev/null 2>&1; local code=$?; [ $code = 0 ] || cat log; return $code; }
# without children: criu cannot seize one that waits for its vfork
loop='busybox mkfifo /tmp/pace; exec 9<> /tmp/pace; : > /tmp/ready; while :; do read -t 0.1 x <&9; done'
counting='busybox mkfifo /tmp/pace; exec 9<> /tmp/pace; i=0; while :; do i=$((i+1)); echo $i >> /tmp/count; read -t 0.1 x <&9; done'
count() { tail -n 1 "$1/rootfs/tmp/count"; }
# goes_on BUNDLE: the counter grows, and does not begin anew
goes_on() { more_than "$1" "$(count "$1")"; }
more_than() { until_true sh -c "[ -s $1/rootfs/tmp/count ] && [ \"\$(tail -n 1 $1/rootfs/tmp/count)\" -gt $2 ]"; }

# everything at once: limits, masked paths, seccomp, a bind mount through a symlink of the image, an own file below it
bundle box ".process.args = [\"sh\", \"-c\", $(jq -Rs . <<< "$counting")] | .linux.cgroupsPath = \"/vm-cr/box\"
  | .linux.resources = {pids: {limit: 33}, memory: {limit: 67108864}} | .hostname = \"kept\"
  | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"swapon\"], action: \"SCMP_ACT_ERRNO\"}]}
  | .mounts += [{destination: \"/conf\", source: \"/var/tmp/c/shared\", options: [\"bind\"]}, {destination: \"/conf/below\", source: \"/etc/hostname\", options: [\"bind\"]}]"
mkdir -p shared box/rootfs/real/conf && ln -s /real/conf box/rootfs/conf && echo text > shared/file
part "run" quiet runt run --detach --bundle box box
more_than box 3
part "leave running" runt checkpoint --image-path img-live --leave-running box
part "goes on" goes_on box
part "checkpoint" runt checkpoint --image-path img --work-path work box
part "no container left" sh -c 'runt state box; ls -d /sys/fs/cgroup/vm-cr/box; true'
at=$(count box)
rm -rf box/rootfs/real/conf/below
part "restore" quiet runt restore --detach --image-path img --work-path work --bundle box --pid-file pid box
part "state" sh -c 'runt state box | jq -r .status; [ "$(runt state box | jq .pid)" = "$(cat pid)" ]'
part "count goes on" sh -c "[ $at -gt 3 ] && [ \$(tail -n 1 box/rootfs/tmp/count) -ge $at ]"
part "still counts" goes_on box
part "exec" runt exec box sh -c 'cat /conf/file; cat /conf/below; busybox hostname; cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max'
part "cgroup" sh -c 'cat /proc/$(cat pid)/cgroup; cat /sys/fs/cgroup/vm-cr/box/memory.max'
part "seccomp" sh -c 'grep ^Seccomp: /proc/$(cat pid)/status'
part "again" runt checkpoint --image-path img2 box
part "restore again" quiet runt restore --detach --image-path img2 --bundle box box
part "second life" goes_on box
part "kill" runt kill box KILL
stopped() { [ "$(runt state "$1" | jq -r .status)" = stopped ]; }
part "has ended" until_true stopped box
part "checkpoint of a stopped one" runt checkpoint --image-path img3 box
part "delete" runt delete box

# streams: pipes of another life take the place of those that were
bundle pipes '.process.args = ["sh", "-c", "while read line; do echo \"<$line>\"; done"]'
mkfifo in in2
sleep 1000 > in & feeder=$!
sleep 1000 > in2 & feeder2=$!
(cat in | runt run --detach --bundle pipes pipes 2> /dev/null | cat > got1) &
until_true runt state pipes > /dev/null 2>&1
echo one > in
part "first line" until_true grep -x '<one>' got1
part "checkpoint with pipes" runt checkpoint --image-path img-pipes pipes
(cat in2 | runt restore --detach --image-path img-pipes --bundle pipes pipes 2> /dev/null | cat > got2) &
until_true runt state pipes > /dev/null 2>&1
echo two > in2
part "second line" until_true grep -x '<two>' got2
runt delete --force pipes
kill $feeder $feeder2

# a terminal; the restore stays in the foreground and takes it
until_go='busybox mkfifo /tmp/pace; exec 9<> /tmp/pace; : > /tmp/ready; while [ ! -e /tmp/go ]; do read -t 0.1 x <&9; done; busybox tty; exit 7'
bundle tty ".process.args = [\"sh\", \"-c\", $(jq -Rs . <<< "$until_go")] | .process.terminal = true"
cat > take.py <<'PY'
import os, socket, subprocess, sys, time
listener = socket.socket(socket.AF_UNIX); listener.bind("tty.sock"); listener.listen(1); listener.settimeout(60)
run = subprocess.Popen(["runt", "run", "--detach", "--bundle", "tty", "--console-socket", "tty.sock", "tty"])
connection, _ = listener.accept()
_, fds, _, _ = socket.recv_fds(connection, 100, 1)
run.wait()
while not os.path.exists("tty/rootfs/tmp/ready"): time.sleep(0.1)
code = subprocess.call(["runt", "checkpoint", "--shell-job", "--image-path", "img-tty", "tty"])
os.close(fds[0])
sys.exit(code)
PY
part "checkpoint with a terminal" python3 take.py
touch tty/rootfs/tmp/go
part "restore with a terminal" runt restore --shell-job --image-path img-tty --bundle tty tty

# a network namespace from outside, and one that is missing
ip netns add cr
bundle net "$(printf '.process.args = ["sh", "-c", %s] | (.linux.namespaces[] | select(.type == "network")) += {path: "/run/netns/cr"}' "$(jq -Rs . <<< "$counting")")"
quiet runt run --detach --bundle net net
more_than net 1
part "checkpoint in a network namespace" runt checkpoint --image-path img-net net
part "restore into it" quiet runt restore --detach --image-path img-net --bundle net net
part "the same namespace" sh -c '[ "$(stat -Lc %i /proc/$(runt state net | jq .pid)/ns/net)" = "$(stat -Lc %i /run/netns/cr)" ]'
runt delete --force net
ip netns del cr
part "restore without it" runt restore --detach --image-path img-net --bundle net net

# memory first, the rest later
bundle pre ".process.args = [\"sh\", \"-c\", $(jq -Rs . <<< "$counting")]"
quiet runt run --detach --bundle pre pre
more_than pre 1
part "absolute parent" runt checkpoint --parent-path /var/tmp/c/img-1 --image-path img-2 pre
part "missing parent" runt checkpoint --parent-path ../img-none --image-path img-2 pre
part "pre-dump" runt checkpoint --pre-dump --image-path img-1 pre
part "runs after pre-dump" goes_on pre
part "checkpoint with parent" runt checkpoint --auto-dedup --parent-path ../img-1 --image-path img-2 pre
part "parent is used" sh -c 'readlink img-2/parent; ls img-2/pages-*.img | wc -l'
part "restore with parent" quiet runt restore --detach --image-path img-2 --bundle pre pre
part "goes on with parent" goes_on pre
part "bad mode" runt checkpoint --manage-cgroups-mode odd --image-path x pre
part "bad namespace" runt checkpoint --empty-ns user --image-path x pre
part "bad page server" runt checkpoint --page-server nowhere --image-path x pre
part "no criu" runt --criu /nowhere/criu checkpoint --image-path x pre
part "id in use" runt restore --image-path img-2 --bundle pre pre
part "no images" runt restore --image-path nothing --bundle pre other
runt delete --force pre
rm img-2/core-1.img
part "broken images" runt restore --detach --image-path img-2 --bundle pre pre
part "nothing of it" sh -c 'runt list -q'

# what criu cannot do is said by its own words: a file of the host's as stdout
bundle file ".process.args = [\"sh\", \"-c\", $(jq -Rs . <<< "$counting")]"
runt run --detach --bundle file file < /dev/null > kept 2> /dev/null
part "outside file" runt checkpoint --image-path img-file file
part "runs after a failure" sh -c 'runt state file | jq -r .status'
runt delete --force file

# what has to be asked for: without its flag each is refused
asked() { # NAME FLAG SCRIPT [FILTER]
  bundle "$1" ".process.args = [\"sh\", \"-c\", $(jq -Rs . <<< "$3")] | ${4:-.}"
  quiet runt run --detach --bundle "$1" "$1"
  until_true test -e "$1/rootfs/tmp/ready"
  part "$1 without $2" runt checkpoint --image-path img-no "$1"
  part "$1 with $2" runt checkpoint $2 --image-path "img-$1" "$1"
}
# busybox has no flock
usr='.mounts += [{destination: "/usr", source: "/usr", options: ["rbind", "ro"]}]'
mkdir -p locks/rootfs && ln -s usr/lib locks/rootfs/lib && ln -s usr/lib64 locks/rootfs/lib64
asked locks --file-locks "/usr/bin/flock /tmp/lock sh -c '$loop'" "$usr"
part "restore locks" quiet runt restore --file-locks --no-subreaper --no-pivot --lsm-mount-context x --detach --image-path img-locks --bundle locks locks
part "still locked" sh -c 'runt exec locks /usr/bin/flock -n /tmp/lock true; [ $? = 1 ]'
runt delete --force locks
asked tcp --tcp-established "busybox mkfifo /tmp/a /tmp/b; exec 7<> /tmp/a 8<> /tmp/b; busybox nc -l -p 99 <&7 & busybox sleep 1; busybox nc 127.0.0.1 99 <&8 & busybox sleep 1; $loop"
part "restore tcp" quiet runt restore --tcp-established --empty-ns network --detach --image-path img-tcp --bundle tcp tcp
part "still connected" sh -c 'grep -c " 01 " /proc/$(runt state tcp | jq .pid)/net/tcp'
part "in flight" runt checkpoint --tcp-established --tcp-skip-in-flight --image-path img-tcp2 tcp
asked remap --link-remap "echo text > /tmp/a; busybox ln /tmp/a /tmp/b; exec 5< /tmp/a; busybox rm /tmp/a; $loop"
part "restore remap" quiet runt restore --detach --image-path img-remap --bundle remap remap
part "still open" sh -c 'cat /proc/$(runt state remap | jq .pid)/fd/5'
runt delete --force remap
bundle unix ".process.args = [\"sh\", \"-c\", $(jq -Rs . <<< "$loop")] | .linux.namespaces |= map(select(.type != \"network\"))"
cat > unix.py << 'PY'
import socket, subprocess, sys
outside = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); outside.bind("/var/tmp/c/outside.sock")
inside = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); inside.connect("/var/tmp/c/outside.sock")
subprocess.check_call(["runt", "run", "--detach", "--bundle", "unix", "unix"], stdin=inside, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
inside.close()
for flag in [[], ["--ext-unix-sk"]]:
    print(subprocess.call(["runt", "checkpoint", *flag, "--image-path", "img-unix", "unix"], stderr=sys.stdout), flush=True)
PY
part "socket to outside" python3 unix.py

# pages when they are asked for, from a server
bundle lazy ".process.args = [\"sh\", \"-c\", $(jq -Rs . <<< "$counting")] | del(.linux.cgroupsPath)"
quiet runt run --detach --bundle lazy lazy
more_than lazy 1
mkfifo status
part "status fd that is none" timeout 60 runt checkpoint --lazy-pages --page-server 127.0.0.1:27277 --status-fd 77 --image-path img-lazy lazy
exec 6<> status
(timeout 100 runt checkpoint --lazy-pages --page-server 127.0.0.1:27277 --status-fd 6 --manage-cgroups-mode ignore --image-path img-lazy lazy > lazy.out 2>&1; echo $? >> lazy.out) &
part "pages can be asked for" sh -c 'timeout 60 busybox head -c 1 <&6 | od -An -tx1'
exec 6>&-
timeout 100 criu lazy-pages --page-server --address 127.0.0.1 --port 27277 -D img-lazy > lazy.log 2>&1 & pages=$!
until_true test -e img-lazy/lazy-pages.socket
part "restore lazily" quiet runt restore --lazy-pages --manage-cgroups-mode ignore --auto-dedup --detach --image-path img-lazy --bundle lazy lazy2
wait $pages
part "all pages are there" sh -c "for n in \$(seq 100); do [ -s lazy.out ] && break; sleep 0.1; done; cat lazy.out"
part "goes on lazily" goes_on lazy
runt delete --force lazy2

# a terminal handed to a socket, and a profile that is not there
cat > hand.py << 'PY'
import os, socket, subprocess, sys
if os.path.exists("hand.sock"): os.unlink("hand.sock")
listener = socket.socket(socket.AF_UNIX); listener.bind("hand.sock"); listener.listen(1); listener.settimeout(60)
run = subprocess.Popen(["runt", "restore", "--shell-job", "--detach", "--console-socket", "hand.sock", "--image-path", "img-tty", "--bundle", "tty", "tty"])
connection, _ = listener.accept()
name, fds, _, _ = socket.recv_fds(connection, 100, 1)
code = run.wait()
print(os.isatty(fds[0]))
sys.exit(code)
PY
part "terminal for a socket" python3 hand.py
runt delete --force tty
# without a security module nobody is asked for the profile
part "profile" quiet runt restore --lsm-profile apparmor:unconfined --detach --image-path img-locks --file-locks --bundle locks locks
runt delete --force locks

# with systemd's driver
bundle scope ".process.args = [\"sh\", \"-c\", $(jq -Rs . <<< "$counting")] | .linux.cgroupsPath = \"system.slice:box:cr\" | .linux.resources.pids.limit = 44"
quiet runt --systemd-cgroup run --detach --bundle scope scope
more_than scope 1
part "checkpoint of a scope" runt checkpoint --manage-cgroups-mode ignore --image-path img-scope scope
part "scope is gone" until_true sh -c '[ "$(systemctl show -P LoadState box-cr.scope)" = not-found ]'
part "restore of a scope" quiet runt --systemd-cgroup restore --manage-cgroups-mode ignore --detach --image-path img-scope --bundle scope scope
part "in its scope" sh -c 'cat /proc/$(runt state scope | jq .pid)/cgroup; cat /sys/fs/cgroup/system.slice/box-cr.scope/pids.max'
runt delete --force scope

cgroups | grep -v '/vm-cr$' > /tmp/after
part "nothing left" sh -c 'diff /tmp/before /tmp/after; mount | grep /var/tmp; ls -A /run/runt | grep -vx .seccomp; true'
