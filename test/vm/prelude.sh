# For the scripts of this folder, in the guest: reports its parts to guest.ts, makes bundles.
export PATH=/product/dist/bin:$PATH
for file in /product/lib/*; do
  [ ! -e "$file" ] || [ -e "/usr/lib/x86_64-linux-gnu/${file##*/}" ] || cp "$file" /usr/lib/x86_64-linux-gnu
done

# part NAME CMD…
part() {
  local name=$1
  shift
  printf '\036%s\n' "$name"
  "$@" 2>&1
  printf '\036=%s\n' $?
}

# bundle DIR [JQ-FILTER]: busybox, and a config.json that `runt spec` wrote, changed by the filter
bundle() {
  local name
  mkdir -p "$1"/rootfs/{bin,proc,sys,dev,etc,tmp}
  cp /bin/busybox "$1/rootfs/bin"
  for name in sh cat sleep echo ls mount id head tail chown mknod true wc; do ln -sf busybox "$1/rootfs/bin/$name"; done
  rm -f "$1/config.json"
  runt spec --bundle "$1" $SPEC_FLAGS
  jq ".process.terminal = false | .root.readonly = false | ${2:-.}" "$1/config.json" > "$1/new"
  mv "$1/new" "$1/config.json"
}

# limits CGROUP: the limits in force
limits() {
  local file
  for file in memory.max memory.low memory.high memory.swap.max pids.max cpu.weight cpu.max cpu.max.burst cpuset.cpus \
    cpuset.mems io.max io.weight hugetlb.2MB.max; do
    echo "$file $(cat "/sys/fs/cgroup/$1/$file")"
  done
}

cgroups() { find /sys/fs/cgroup -type d | grep -v '/systemd-\|\.mount$\|\.service$\|\.scope' | sort; }
until_true() { local n; for n in $(seq 100); do "$@" && return; sleep 0.1; done; return 1; }
