# process.selinuxLabel and linux.mountLabel where the kernel has SELinux, with a policy of a few lines; selinux.test.ts says what has to
# come out. What the policy does not name is allowed.
{
  for class in file dir process; do echo "class $class"; done
  # the kernel knows them by their order
  sids="kernel security unlabeled fs file file_labels init any_socket port netif netmsg node igmp_packet icmp_socket tcp_socket
    sysctl_modprobe sysctl sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix sysctl_vm sysctl_dev kmod policy scmp_packet devnull"
  for sid in $sids; do echo "sid $sid"; done
  cat << 'P'
class file { read write execute entrypoint }
class dir { search }
class process { transition dyntransition }
policycap nnp_nosuid_transition;
attribute domain;
type base_t;
type container_t, domain;
type other_t, domain;
type secret_t;
role system_r;
role system_r types { base_t container_t other_t };
allow base_t { base_t secret_t }:file { read write execute entrypoint };
allow base_t { base_t secret_t }:dir search;
allow base_t domain:process transition;
allow base_t domain:file { read write };
allow base_t domain:dir search;
allow domain base_t:file { read write execute entrypoint };
allow domain base_t:dir search;
allow domain self:file { read write };
allow domain self:dir search;
allow domain secret_t:dir search;
allow other_t secret_t:file read;
user system_u roles system_r;
P
  for sid in $sids; do echo "sid $sid system_u:system_r:base_t"; done
  cat << 'P'
fs_use_xattr ext4 system_u:object_r:base_t;
fs_use_trans tmpfs system_u:object_r:base_t;
fs_use_trans devtmpfs system_u:object_r:base_t;
fs_use_trans mqueue system_u:object_r:base_t;
fs_use_trans devpts system_u:object_r:base_t;
fs_use_task pipefs system_u:object_r:base_t;
fs_use_task sockfs system_u:object_r:base_t;
genfscon proc / system_u:object_r:base_t
genfscon sysfs / system_u:object_r:base_t
genfscon cgroup2 / system_u:object_r:base_t
P
} > /tmp/policy.conf
part compile checkpolicy -U allow -o /tmp/policy /tmp/policy.conf
part load dd if=/tmp/policy of=/sys/fs/selinux/load bs=8M status=none
part enforce sh -c 'echo 1 > /sys/fs/selinux/enforce; cat /sys/fs/selinux/enforce'

label=system_u:system_r:container_t
bundle /b ".process.selinuxLabel = \"$label\" | .linux.mountLabel = \"system_u:object_r:secret_t\" | .linux.cgroupsPath = \"/selinux\"
  | .process.args = [\"sleep\", \"1000\"] | .mounts += [{destination: \"/secret\", type: \"tmpfs\", source: \"tmpfs\"}]"
part create runt create --bundle /b box < /dev/null > /tmp/out
cat /tmp/out
part start runt start box
pid=$(runt state box | jq -r .pid)
part "first process" sh -c "tr '\\0' '\\n' < /proc/$pid/attr/current"
file=/proc/$pid/root/secret/file
echo hidden > $file
part "mount label" python3 -c "import os; print(os.getxattr('$file', 'security.selinux').decode().strip('\0'))"
part "exec" runt exec box sh -c "tr '\\0' '\\n' < /proc/self/attr/current; cat /secret/file"
part "exec by another label" runt exec --process-label system_u:system_r:other_t box sh -c "tr '\\0' '\\n' < /proc/self/attr/current; cat /secret/file"
part "exec by an unknown label" runt exec --process-label system_u:system_r:nowhere_t box true
runt delete --force box

bundle /b2 '.process.selinuxLabel = "system_u:system_r:nowhere_t" | .process.args = ["true"]'
part "unknown label" runt run --bundle /b2 box2
bundle /b3 '.linux.mountLabel = "system_u:object_r:nowhere_t" | .process.args = ["true"]'
part "unknown mount label" runt run --bundle /b3 box3
part "nothing left" runt list --quiet

# a pod of wharfd's: the host says what containers are called
mkdir -p /usr/share/containers/selinux
printf 'process = "system_u:system_r:container_t"\nfile = "system_u:object_r:secret_t"\n' > /usr/share/containers/selinux/contexts
wharfd > /tmp/wharfd.log 2>&1 &
pod() { ctr -a /run/wharf/containerd.sock "$@"; }
until_true pod version > /dev/null 2>&1
echo '{}' > /tmp/pod.json
part "pod" pod sandboxes run --sandboxer podsandbox --runtime io.containerd.runt.v2 /tmp/pod.json pod
part "pod's label" sh -c "tr '\\0' '\\n' < /proc/$(pod tasks ls | sed -n 's/^pod *\([0-9]*\).*/\1/p')/attr/current"
part "pod's labels, as told" sh -c "ctr -a /run/wharf/containerd.sock containers info pod | grep -o '[a-zA-Z]*Label\": *\"[^\"]*'"
part "pod's end" pod sandboxes rm -f pod
kill $!
