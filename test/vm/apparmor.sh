# process.apparmorProfile where the kernel has AppArmor; apparmor.test.ts says what has to come out.
parser=apparmor_parser
cat > /tmp/profile <<'P'
profile runt-test flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
  ptrace,
  network,
  umount,
  deny /tmp/secret rw,
}
profile runt-other flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
}
P
part parser sh -c "command -v $parser"
part load $parser --replace --skip-cache --base /tmp /tmp/profile

bundle /b '.process.apparmorProfile = "runt-test" | .process.args = ["sleep", "1000"] | .linux.cgroupsPath = "/apparmor"'
echo hidden > /b/rootfs/tmp/secret
part create runt create --bundle /b box < /dev/null > /tmp/out
cat /tmp/out
part start runt start box
part "first process" sh -c 'cat /proc/$(runt state box | jq -r .pid)/attr/apparmor/current'
part "exec" runt exec box sh -c 'cat /proc/self/attr/apparmor/current; cat /tmp/secret'
part "exec by another profile" runt exec --apparmor runt-other box sh -c 'cat /proc/self/attr/apparmor/current; cat /tmp/secret'
part "exec unconfined" runt exec --apparmor unconfined box sh -c 'cat /proc/self/attr/apparmor/current'
runt delete --force box

bundle /b2 '.process.apparmorProfile = "runt-test" | .process.args = ["cat", "/tmp/secret"] | .process.noNewPrivileges = true'
echo hidden > /b2/rootfs/tmp/secret
part "with no new privileges" runt run --bundle /b2 box2
bundle /b3 '.process.apparmorProfile = "not-loaded" | .process.args = ["true"]'
part "not loaded" runt run --bundle /b3 box3
part "nothing left" runt list --quiet
