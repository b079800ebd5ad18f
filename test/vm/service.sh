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

# the unit: the daemon is systemd's
property() { systemctl show --property "$1" --value wharfd; }
wharfd systemd-unit --log-level debug > /etc/systemd/system/wharfd.service
part "unit is right" systemd-analyze verify /etc/systemd/system/wharfd.service
systemctl daemon-reload
part enable systemctl enable --now wharfd
part active systemctl is-active wharfd
part "ready when started" env WHARF_AUTOSTART=0 wharf ps
part "whose daemon" sh -c 'test "$(cat /run/wharf/wharfd.pid)" = "$(systemctl show --property MainPID --value wharfd)"'
part "no variable" sh -c '! tr "\0" "\n" < /proc/$(pgrep -x wharf-agent)/environ | grep NOTIFY'
part "run under the unit" wharf run -d --name lives --network none busybox sleep 1000
pid_of() { wharf inspect --format '{{.State.Pid}} {{.State.Status}}' lives; }
pid_of > /tmp/lives
main=$(property MainPID)
part restart systemctl restart wharfd
part "after the restart" sh -c '[ "$1" != "$2" ]' sh "$main" "$(property MainPID)"
part "lives on" diff /tmp/lives <(pid_of)
main=$(property MainPID)
kill -9 "$main"
back() { [ "$(property MainPID)" != "$main" ] && [ "$(systemctl is-active wharfd)" = active ]; }
until_back() { local n; for n in $(seq 1200); do back && return; sleep 0.1; done; return 1; }
part "back after kill -9" until_back
part "lives on again" diff /tmp/lives <(pid_of)
part "exec after kill -9" wharf exec lives echo in
part restarts property NRestarts

# whoever wants a daemon gets the unit's
part status wharf daemon status
part logs wharf daemon logs
part "daemon stop" wharf daemon stop
part "stays stopped" sh -c '[ "$(systemctl is-active wharfd)" = inactive ]'
part "a command starts the unit" wharf ps --format '{{.Names}}'
part "active again" systemctl is-active wharfd
part "stop during the end" systemctl stop wharfd
part "result" property Result
part "it is not started beside" sh -c 'printf "[oops\n" > /etc/wharf/config.toml; wharf ps; code=$?; systemctl stop wharfd; rm /etc/wharf/config.toml; exit $code'
systemctl reset-failed wharfd
systemctl start wharfd
part "rm under the unit" wharf rm -f lives
systemctl disable --now wharfd
rm /etc/systemd/system/wharfd.service
systemctl daemon-reload
cgroups > /tmp/after
part "nothing left" sh -c 'diff /tmp/before /tmp/after | grep -v "^[0-9]\|/docker$"; ps -e -o args | grep "^[^ ]*\(wharf\|containerd-shim\)"; true'
