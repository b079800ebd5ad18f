# wharfd as operators of a machine with systemd have it; service.test.ts says what has to come out.
cgroups > /tmp/before
mkdir -p /etc/wharf
part "without a table" sh -c 'wharf run --rm busybox true && wharf info --format "{{.CgroupDriver}} {{.DefaultRuntime}}"'
wharf create --name earlier --network none --cgroupns host busybox cat /proc/self/cgroup > /dev/null
wharf daemon stop > /dev/null
printf '[runtimes.runt]\nsystemd-cgroup = true\n' > /etc/wharf/config.toml
part "config check" wharfd config check
part driver wharf info --format '{{.CgroupDriver}} {{.DefaultRuntime}}'
part run wharf run -d --name one --network none --memory 32m --pids-limit 33 busybox sleep 1000
part scope sh -c "cat /proc/\$(wharf inspect --format '{{.State.Pid}}' one)/cgroup; cd /sys/fs/cgroup/system.slice/docker-\$(wharf inspect --format '{{.Id}}' one).scope; cat memory.max pids.max"
part unit systemctl is-active "docker-$(wharf inspect --format '{{.Id}}' one).scope"
part exec wharf exec one echo in
part pause sh -c 'wharf pause one && wharf unpause one'
part update sh -c "wharf update --pids-limit 44 one && cat /sys/fs/cgroup/system.slice/docker-*.scope/pids.max"
part "by runc's name" wharf run --rm --network none --runtime runc --cgroupns host busybox cat /proc/self/cgroup
part "made before" wharf start --attach earlier
part rm wharf rm -f one earlier
wharf daemon stop > /dev/null
cgroups > /tmp/after
part "nothing left" sh -c 'diff /tmp/before /tmp/after | grep -v "^[0-9]\|/docker$"; true'
