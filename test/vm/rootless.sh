# runt as a user without root rights, in a login session and in a delegated scope; rootless.test.ts says what has to come out.
if [ "$(id -u)" = 0 ]; then
  cgroups > /tmp/before
  # programs lie in the guest; the user may read them
  for where in session delegated; do
    scope=
    [ $where = session ] || scope='XDG_RUNTIME_DIR=/run/user/1000 systemd-run --user --scope --quiet -p Delegate=yes'
    runuser -l user -c "WHERE=$where $scope bash -c '. /test/prelude.sh; . /test/rootless.sh'"
  done
  cgroups > /tmp/after
  part "nothing left" diff /tmp/before /tmp/after
  return
fi

export SPEC_FLAGS=--rootless XDG_RUNTIME_DIR=/run/user/1000
mkdir ~/$WHERE
cd ~/$WHERE
at() { # NAME CMD…
  local name=$1
  shift
  part "$WHERE: $name" "$@"
}
caps='.process.capabilities |= map_values(. + ["CAP_CHOWN"])'
script() { jq -Rs . <<< "$1"; }
run='id -u; cat /proc/self/uid_map; echo text > /tmp/x && ls -ln /tmp/x | busybox awk "{print \$3, \$4}"; head -c 2 /dev/zero | wc -c'
bundle own ".process.args = [\"busybox\", \"sh\", \"-c\", $(script "$run")]"
for name in runt crun; do at "own id $name" $name run --bundle own own-$name; done

maps='.linux.uidMappings = [{containerID: 0, hostID: 1000, size: 1}, {containerID: 1, hostID: 100000, size: 65535}] | .linux.gidMappings = .linux.uidMappings'
bundle ranges ".process.args = [\"busybox\", \"sh\", \"-c\", $(script 'cat /proc/self/uid_map; echo > /tmp/x && chown 5:6 /tmp/x && ls -ln /tmp/x | busybox awk "{print \$3, \$4}"')] | $maps | $caps"
at "granted ranges" runt run --bundle ranges ranges
at "owner on disk" stat -c '%u %g' ranges/rootfs/tmp/x
bundle foreign ".process.args = [\"true\"] | .linux.uidMappings = [{containerID: 0, hostID: 5, size: 10}]"
at "ranges of others" runt run --bundle foreign foreign

bundle limits '.process.args = ["sleep", "1000"] | .linux.resources = {memory: {limit: 67108864}, pids: {limit: 20}}'
at "limits" runt run --detach --bundle limits limits < /dev/null > limits.out
cat limits.out
files() {
  local own
  own=$(sed 's/^0:://' "/proc/$(runt state limits | jq .pid)/cgroup")
  cat "/sys/fs/cgroup/$own/memory.max" "/sys/fs/cgroup/$own/pids.max"
}
[ "$WHERE" != delegated ] || at "limits in force" files
runt delete --force limits

bundle life '.process.args = ["sleep", "1000"]'
at run runt run --detach --bundle life life < /dev/null > life.out
cat life.out
at list sh -c 'runt list --format json | jq -r ".[] | .id, .status, .owner"'
at exec runt exec life sh -c 'id -u; cat /proc/1/cmdline | busybox tr "\0" " "'
at pause runt pause life
at status sh -c 'runt state life | jq -r .status'
at resume runt resume life
at kill runt kill life KILL
stopped() { [ "$(runt state life | jq -r .status)" = stopped ]; }
at "has ended" until_true stopped
at delete runt delete life
at "state folder" sh -c 'ls -A $XDG_RUNTIME_DIR/runt | grep -vx .seccomp; true'
