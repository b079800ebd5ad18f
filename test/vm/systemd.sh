# runt with systemd's cgroup driver, by the system's manager and by a user's, beside runc on the same bundle; systemd.test.ts says what
# has to come out.
driver="--systemd-cgroup"
# shown UNIT [systemctl-FLAG]: what systemd was told
shown() {
  systemctl $2 show "$1" -p MemoryMax -p MemoryLow -p MemorySwapMax -p CPUWeight -p CPUQuotaPerSecUSec -p CPUQuotaPeriodUSec \
    -p AllowedCPUs -p AllowedMemoryNodes -p TasksMax -p Delegate -p Slice -p DefaultDependencies -p DevicePolicy \
    -p TimeoutStopUSec -p CollectMode -p MemoryHigh -p OOMPolicy | tr = ' ' | sort
}
stopped() { [ "$(runt state "$1" | jq -r .status)" = stopped ]; }
# stdout of a detached container must not keep the part waiting
detached() { "$@" < /dev/null > out 2>&1; local code=$?; cat out; return $code; }

if [ "$(id -u)" != 0 ]; then
  export SPEC_FLAGS=--rootless XDG_RUNTIME_DIR=/run/user/1000
  mkdir ~/systemd
  cd ~/systemd
  bundle own '.process.args = ["sleep", "1000"] | .linux.cgroupsPath = "rootless.slice:box:own"
    | .linux.resources = {memory: {limit: 67108864}, pids: {limit: 20}, cpu: {quota: 50000, period: 100000}}'
  part "user: create" detached runt $driver create --bundle own own
  part "user: start" runt start own
  part "user: cgroup" sh -c 'cat "/proc/$(runt state own | jq .pid)/cgroup"'
  part "user: properties" shown box-own.scope --user
  group=/sys/fs/cgroup$(sed 's/^0:://' "/proc/$(runt state own | jq .pid)/cgroup")
  part "user: limits" sh -c "cd $group && cat memory.max pids.max cpu.max"
  part "user: exec" runt exec own cat /proc/self/cgroup
  part "user: exec's cgroup" sh -c 'runt exec --detach own sleep 500 < /dev/null > /dev/null 2>&1; runt ps --format json own | jq length'
  part "user: update" sh -c "runt update --pids-limit 30 own && cat $group/pids.max && systemctl --user show -P TasksMax box-own.scope"
  part "user: pause" runt pause own
  part "user: resume" runt resume own
  part "user: delete" runt delete --force own
  part "user: unit is gone" sh -c 'systemctl --user show -P LoadState box-own.scope'
  bundle default '.process.args = ["cat", "/proc/1/cgroup"] | .linux.namespaces |= map(select(.type != "cgroup"))'
  part "user: without a path" runt $driver run --bundle default default
  # root of a user namespace is no root
  bundle inns '.process.args = ["cat", "/proc/1/cgroup"] | .linux.namespaces |= map(select(.type != "cgroup"))
    | .linux.uidMappings[0].hostID = 0 | .linux.gidMappings[0].hostID = 0'
  part "user: as root of a user namespace" unshare --user --map-root-user --mount sh -c "runt --root /run/user/1000/ns $driver run --bundle inns inns"
  return
fi

cgroups | grep -v '@1000.service/' > /tmp/before
resources='{
  memory: {limit: 67108864, reservation: 33554432, swap: 134217728}, pids: {limit: 33},
  cpu: {shares: 512, quota: 51234, period: 200000, burst: 1000, cpus: "0", mems: "0"}, unified: {"memory.high": "60000000"},
  devices: [{allow: false, access: "rwm"}, {allow: true, type: "b", major: 254, minor: 0, access: "rm"}]
}'
annotations='{"org.systemd.property.TimeoutStopUSec": "uint64 12000000", "org.systemd.property.CollectMode": "'\''inactive-or-failed'\''"}'
mkdir -p /b && cd /b
for name in runt runc; do
  bundle $name ".process.args = [\"sleep\", \"1000\"] | .linux.resources = $resources | .annotations = $annotations
    | .process.capabilities |= map_values(. + [\"CAP_MKNOD\"]) | .linux.cgroupsPath = \"deep-er.slice:box:$name\""
  part "create $name" detached $name $driver create --bundle $name $name
  part "properties $name" shown box-$name.scope
  part "limits $name" limits deep.slice/deep-er.slice/box-$name.scope
  part "start $name" $name start $name
done
part "cgroup" sh -c 'cat "/proc/$(runt state runt | jq .pid)/cgroup"'
# the same unit for another container
bundle taken '.process.args = ["true"] | .linux.cgroupsPath = "deep-er.slice:box:runt"'
part "taken" sh -c 'runt --systemd-cgroup run --bundle taken taken 2>&1; runt state runt | jq -r .status'
devices='for rule in "b 254 0" "b 7 0" "c 1 3" "c 10 200"; do
  rm -f /tmp/d; set -- $rule
  busybox mknod /tmp/d $1 $2 $3 2> /dev/null
  if busybox head -c 1 /tmp/d > /dev/null 2>&1; then read=yes; else read=no; fi
  echo "$1:$2:$3 read=$read"
done'
for name in runt runc; do part "devices $name" $name exec $name sh -c "$devices"; done
part "exec's cgroup" sh -c 'runt exec runt cat /proc/self/cgroup; runt exec --detach runt sleep 500 < /dev/null > /dev/null 2>&1; cat "/proc/$(runt ps --format json runt | jq ".[1]")/cgroup"'
for name in runt runc; do
  part "update $name" $name update --memory 100000000 --memory-swap 200000000 --pids-limit 44 --cpu-quota 30000 --cpuset-cpus 0-1 $name
  part "properties after update $name" shown box-$name.scope
  part "limits after update $name" limits deep.slice/deep-er.slice/box-$name.scope
done
part "daemon-reload" systemctl daemon-reload
part "limits after daemon-reload" limits deep.slice/deep-er.slice/box-runt.scope
part "devices after daemon-reload" runt exec runt sh -c "$devices"
part "status" sh -c 'runt pause runt; runt state runt | jq -r .status; runt resume runt'
part "kill" runt kill runt KILL
part "has ended" until_true stopped runt
part "delete" runt delete runt
runc delete --force runc
part "unit is gone" systemctl show -P LoadState box-runt.scope

bundle default '.process.args = ["cat", "/proc/1/cgroup"] | .linux.namespaces |= map(select(.type != "cgroup"))'
part "without a path" runt $driver run --bundle default default
# a unit of that name that has failed gives way
part "failed unit" sh -c 'systemd-run --quiet --scope --unit box-again -p RuntimeMaxSec=1 sleep 100; systemctl show -P ActiveState box-again.scope'
bundle again '.process.args = ["true"] | .linux.cgroupsPath = "system.slice:box:again"'
part "after a failed unit" runt $driver run --bundle again again
bundle oom '.process.args = ["tail", "/dev/zero"] | .linux.resources.memory = {limit: 33554432, swap: 33554432} | .linux.cgroupsPath = "system.slice:box:oom"'
part "out of memory" runt $driver run --bundle oom oom
part "unit after out of memory" systemctl show -P LoadState box-oom.scope
maps='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
bundle userns ".process.args = [\"cat\", \"/proc/self/cgroup\", \"/sys/fs/cgroup/pids.max\"] | $maps | .linux.resources.pids.limit = 22 | .linux.cgroupsPath = \"system.slice:box:userns\""
part "user namespace" runt $driver run --bundle userns userns

bundle bad '.process.args = ["true"] | .linux.cgroupsPath = "/not/of/this/form"'
part "another form of path" runt $driver run --bundle bad bad
bundle slice '.process.args = ["true"] | .linux.cgroupsPath = "no--slice.slice:box:x"'
part "bad slice" runt $driver run --bundle slice slice
bundle property '.process.args = ["true"] | .annotations = {"org.systemd.property.NoSuchThing": "true"} | .linux.cgroupsPath = "system.slice:box:bad"'
part "bad property" runt $driver run --bundle property property
bundle value '.process.args = ["true"] | .annotations = {"org.systemd.property.CollectMode": "nonsense"} | .linux.cgroupsPath = "system.slice:box:bad"'
part "bad value" runt $driver run --bundle value value
part "state folder" sh -c 'ls -A /run/runt | grep -vx .seccomp; true'

# docker in docker: the first process moves aside to hand on controllers; others join it there
nest='mkdir /sys/fs/cgroup/init && echo 0 > /sys/fs/cgroup/init/cgroup.procs && echo +pids > /sys/fs/cgroup/cgroup.subtree_control; exec busybox sleep 1000'
rw='(.mounts[] | select(.destination == "/sys/fs/cgroup") | .options) |= map(if . == "ro" then "rw" else . end)'
bundle nest ".process.args = [\"busybox\", \"sh\", \"-c\", $(jq -Rs . <<< "$nest")] | $rw | .linux.cgroupsPath = \"system.slice:box:nest\""
part "nested" detached runt $driver run --detach --bundle nest nest
moved() { grep -q pids /sys/fs/cgroup/system.slice/box-nest.scope/cgroup.subtree_control; }
part "moved aside" until_true moved
part "exec joins it there" runt exec nest cat /proc/self/cgroup
mkdir /sys/fs/cgroup/system.slice/box-nest.scope/other
part "exec in a group of its own" runt exec --cgroup other nest cat /proc/self/cgroup
part "exec in none" runt exec --cgroup missing nest true
part "exec outside" runt exec --cgroup ../x nest true
part "delete nested" runt delete --force nest

runuser -l user -c ". /test/prelude.sh; . /test/systemd.sh"
# slices are systemd's: it takes those away that are empty, when it sees fit
cgroups | grep -v '/deep\|@1000.service/' > /tmp/after
part "nothing left" sh -c 'diff /tmp/before /tmp/after; systemctl list-units --all --plain --no-legend "box-*" "runt-*"; true'
