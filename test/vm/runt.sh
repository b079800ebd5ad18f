# runt on cgroup v2, beside crun on the same bundle; runt.test.ts says what has to come out.
mkdir -p /sys/fs/cgroup/vm.slice
cgroups > /tmp/before

resources='{
  memory: {limit: 67108864, reservation: 33554432, swap: 134217728}, pids: {limit: 33},
  cpu: {shares: 512, quota: 50000, period: 200000, burst: 1000, cpus: "0", mems: "0"},
  blockIO: {weight: 300, throttleReadBpsDevice: [{major: 254, minor: 0, rate: 1048576}]},
  hugepageLimits: [{pageSize: "2MB", limit: 4194304}], unified: {"memory.high": "60000000"},
  devices: [{allow: false, access: "rwm"}, {allow: true, type: "b", major: 254, minor: 0, access: "rm"}]
}'
caps='.process.capabilities |= map_values(. + ["CAP_MKNOD"])'
sleeper=".process.args = [\"sleep\", \"1000\"] | .linux.resources = $resources | $caps"
for name in runt crun; do
  bundle /b/$name "$sleeper | .linux.cgroupsPath = \"/vm.slice/$name\""
  # the runtime's end must not wait for the container's streams
  part "create $name" $name create --bundle /b/$name $name < /dev/null > /tmp/$name.out
  cat /tmp/$name.out
  part "limits $name" limits vm.slice/$name
  part "start $name" $name start $name
done
part "born in its cgroup" cat /sys/fs/cgroup/vm.slice/runt/cgroup.procs
part state sh -c 'runt state runt | jq -r .pid'
devices='for rule in "b 254 0" "b 7 0" "c 1 3" "c 10 200"; do
  rm -f /tmp/d; set -- $rule
  if busybox mknod /tmp/d $1 $2 $3 2> /dev/null; then made=yes; else made=no; fi
  if busybox head -c 1 /tmp/d > /dev/null 2>&1; then read=yes; else read=no; fi
  if echo 2> /dev/null >> /tmp/d; then write=yes; else write=no; fi
  [ $made = yes ] || write=no
  rm -f /tmp/d
  echo "$1:$2:$3 made=$made read=$read write=$write"
done'
for name in runt crun; do part "devices $name" $name exec $name sh -c "$devices"; done
part "exec's cgroup" runt exec runt cat /proc/self/cgroup
part ps runt ps runt

# every key of both, with runc reading a container of its own with the same limits
bundle /b/runc "$sleeper | .linux.cgroupsPath = \"/vm.slice/runc\""
runc run --detach --bundle /b/runc runc < /dev/null > /dev/null 2>&1
keys() { jq -c 'del(.data.memory.raw, .data.blkio.ioServiceBytesRecursive, .data.blkio.ioServicedRecursive) | [paths | map(tostring) | join(".")] | sort' | tr , '\n'; }
for name in runt runc; do part "events of $name" sh -c "$name events --stats $name | tee /tmp/events.$name | wc -l"; done
for name in runt runc; do part "keys of $name" keys < /tmp/events.$name; done
part "limits in events" jq -c '[.data.memory.usage.limit, .data.memory.swap.limit, .data.pids.limit, .data.cpu.psi.some.avg10 >= 0, (.data.memory.raw | length > 30)]' /tmp/events.runt
runc delete --force runc

part pause runt pause runt
part "frozen" cat /sys/fs/cgroup/vm.slice/runt/cgroup.events
part "status when paused" sh -c 'runt state runt | jq -r .status'
part "exec when paused" runt exec runt true
part resume runt resume runt

part update runt update --memory 100000000 --memory-swap 200000000 --pids-limit 44 --cpu-quota 30000 --cpuset-cpus 0-1 runt
part "limits after update" limits vm.slice/runt
part "update of a period" sh -c 'runt update --cpu-period 50000 runt; cat /sys/fs/cgroup/vm.slice/runt/cpu.max'
part "update from a file" sh -c 'echo "{\"memory\": {\"limit\": 50331648}}" | runt update --resources - runt; cat /sys/fs/cgroup/vm.slice/runt/memory.max'
part "update of devices" sh -c 'echo "{\"devices\": [{\"allow\": true, \"access\": \"rwm\"}]}" | runt update --resources - runt'
part "devices after update" runt exec runt sh -c "$devices"

runt exec --detach runt sleep 500 < /dev/null > /dev/null 2>&1
part "kill all" sh -c 'runt kill --all runt KILL'
stopped() { [ "$(runt state runt | jq -r .status)" = stopped ]; }
part "all ended" until_true stopped
part "left in the cgroup" cat /sys/fs/cgroup/vm.slice/runt/cgroup.procs
part delete runt delete runt
crun delete --force crun

view='cat /proc/self/cgroup; mount -t cgroup2; busybox cat /sys/fs/cgroup$(busybox cut -d : -f 3 /proc/self/cgroup)/pids.max'
for kind in cgroup none; do
  bundle /b/view ".process.args = [\"sh\", \"-c\", \"$view\"] | .linux.cgroupsPath = \"/vm.slice/view\" | .linux.resources.pids.limit = 21 |
    if \"$kind\" == \"none\" then .linux.namespaces |= map(select(.type != \"cgroup\")) else . end"
  part "view with namespace $kind" runt run --bundle /b/view view
done
part "options of the tree" grep ' /sys/fs/cgroup ' /proc/self/mounts
rw='(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) |= map(if . == "ro" then "rw" else . end)'
nest='mkdir /sys/fs/cgroup/init && echo 0 > /sys/fs/cgroup/init/cgroup.procs && echo +pids > /sys/fs/cgroup/cgroup.subtree_control &&
  busybox mkdir -p /sys/fs/cgroup/a/b && cat /sys/fs/cgroup/a/pids.max'
bundle /b/nest ".process.args = [\"busybox\", \"sh\", \"-c\", $(jq -Rs . <<< "$nest")] | $rw"
part "cgroups made inside" runt run --bundle /b/nest nest

oom='.linux.resources.memory = {limit: 33554432, swap: 33554432}'
bundle /b/oom ".process.args = [\"tail\", \"/dev/zero\"] | $oom"
part "out of memory" runt run --bundle /b/oom oom
bundle /b/oom ".process.args = [\"sleep\", \"1000\"] | $oom | .linux.cgroupsPath = \"/vm.slice/oom\""
runt run --detach --bundle /b/oom oom < /dev/null > /dev/null 2>&1
part "out of memory in exec" runt exec oom tail /dev/zero
part "kills counted" grep oom_kill /sys/fs/cgroup/vm.slice/oom/memory.events
runt delete --force oom

maps='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
bundle /b/userns ".process.args = [\"sh\", \"-c\", \"id -u; cat /proc/self/uid_map; cat /sys/fs/cgroup/pids.max; head -c 3 /dev/zero | wc -c\"] | $maps | .linux.resources.pids.limit = 22"
part "user namespace" runt run --bundle /b/userns userns
owner='cd /sys/fs/cgroup; busybox stat -c %u . cgroup.procs memory.max; busybox mkdir x && echo made'
for kind in rw ro; do
  bundle /b/owner ".process.args = [\"sh\", \"-c\", \"$owner\"] | $maps | if \"$kind\" == \"rw\" then $rw else . end"
  part "owner of the cgroup, $kind" runt run --bundle /b/owner owner
done

bundle /b/bad '.process.args = ["true"] | .linux.resources.unified = {"memory.nonsense": "1"}'
part "bad limit" runt run --bundle /b/bad bad
bundle /b/systemd '.process.args = ["cat", "/proc/1/cgroup"] | .linux.namespaces |= map(select(.type != "cgroup"))'
part "in a transient scope" systemd-run --scope --quiet --unit vmtest -p Delegate=yes runt run --bundle /b/systemd insystemd

cgroups > /tmp/after
part "nothing left" sh -c 'diff /tmp/before /tmp/after && runt list --quiet && ls -A /run/runt | grep -vx .seccomp; true'
