# wharf and wharfd under systemd with cgroup v2; wharf.test.ts says what has to come out.
cgroups > /tmp/before
# handlers whose control groups systemd makes: runt in the shim, and runc's program
mkdir -p /etc/wharf
printf '[runtimes.scopes]\nsystemd-cgroup = true\n[runtimes.runc-scopes]\nbinary = "runc"\nsystemd-cgroup = true\n' > /etc/wharf/config.toml
part hello wharf run --rm busybox echo hello
part limits wharf run --rm --memory 64m --memory-reservation 32m --cpus 0.5 --pids-limit 50 busybox \
  sh -c 'cd /sys/fs/cgroup; cat memory.max memory.low cpu.max pids.max; cat /proc/self/cgroup; mount -t cgroup2'
part "out of memory" wharf run --name oom --memory 32m --memory-swap 32m busybox tail /dev/zero
part "out of memory, inspected" wharf inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' oom
# others have taken all there is of inotify
instances=$(cat /proc/sys/fs/inotify/max_user_instances)
echo 0 > /proc/sys/fs/inotify/max_user_instances
wharf run --name oom-again --memory 32m --memory-swap 32m busybox tail /dev/zero > /dev/null 2>&1
part "out of memory without inotify" wharf inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' oom-again
wharf rm oom-again > /dev/null
echo "$instances" > /proc/sys/fs/inotify/max_user_instances
wharf run -d --name killed busybox sleep 1000 > /dev/null
wharf kill killed > /dev/null
part "no out of memory" wharf wait killed
part "no out of memory, inspected" wharf inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' killed
for runtime in scopes runc-scopes; do
  part "start $runtime" wharf run -d --name $runtime --runtime $runtime --network none --pids-limit 33 busybox sleep 1000
  part "scope of $runtime" sh -c "cat /proc/\$(wharf inspect --format '{{.State.Pid}}' $runtime)/cgroup; cat /sys/fs/cgroup/system.slice/docker-\$(wharf inspect --format '{{.Id}}' $runtime).scope/pids.max"
  part "rm $runtime" wharf rm -f $runtime
done
part "no slice" wharf run --rm --runtime scopes --cgroup-parent /above busybox true
part user wharf run --rm -u 1000:1000 --network none busybox sh -c 'id -u; ls /sys/class/net'

part web wharf run -d --name web -p 8080:80 --memory 100m busybox sh -c 'mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www'
get() { until_true busybox wget -qO /tmp/page "http://$1:8080/" 2> /dev/null; cat /tmp/page; }
part "page by loopback" get 127.0.0.1
part "page by address" get 10.0.2.15
part "out and back in" wharf run --rm busybox sh -c 'wget -qO- http://172.17.0.1:8080/'
group() { cat "/proc/$(wharf inspect --format '{{.State.Pid}}' web)/cgroup"; }
part "its cgroup" group
part metrics ctr -a /run/wharf/containerd.sock -n moby tasks metrics "$(wharf inspect --format '{{.Id}}' web)"
part "cgroup by its path" ctr -a /run/wharf/containerd.sock -n moby run --rm --cgroup system.slice:box:by-path docker.io/library/busybox:latest by-path cat /proc/self/cgroup
part exec wharf exec web sh -c 'cat /proc/self/cgroup; cat /proc/1/cmdline | tr "\0" " "'

pid=$(wharf inspect --format '{{.State.Pid}}' web)
daemon=$(cat /run/wharf/wharfd.pid)
kill -9 "$daemon"
part "daemon has ended" until_true sh -c "! kill -0 $daemon 2> /dev/null"
part "ps after kill -9" wharf ps --format '{{.Names}} {{.State}}'
[ "$(wharf inspect --format '{{.State.Pid}}' web)" = "$pid" ]
part "same process" test $? = 0
part "page after kill -9" get 127.0.0.1
part "exec after kill -9" wharf exec web echo again
part stop wharf stop --time 1 web
part "exit code" wharf inspect --format '{{.State.ExitCode}}' web
part rm wharf rm web oom killed
part "daemon stop" wharf daemon stop
cgroups > /tmp/after
part "nothing left" sh -c 'diff /tmp/before /tmp/after | grep -v "^[0-9]\|/docker$"; ps -e -o args | grep "^[^ ]*\(wharf\|containerd-shim\)"; mount | grep /var/lib/wharf; ip -brief link | grep veth; true'
