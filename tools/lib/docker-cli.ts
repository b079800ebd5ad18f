// The commands and flags of the docker CLI 28 that concern containers, images, volumes, networks, contexts and the system: names,
// letters, and whether a value follows (=). Compared with the program's own help by test/interop/cli/docker-help.test.ts.

export interface DockerCommand {
  /** Other names of the same command. */
  readonly also: readonly string[];
  readonly flags: string;
}

export const DOCKER_CLI: Readonly<Record<string, DockerCommand>> = {
  attach: { also: ["container attach"], flags: "--detach-keys= --no-stdin --sig-proxy" },
  commit: { also: ["container commit"], flags: "-a --author= -c --change= -m --message= -p --pause" },
  "container inspect": { also: [], flags: "-f --format= -s --size" },
  "container prune": { also: [], flags: "--filter= -f --force" },
  "context create": { also: [], flags: "--description= --docker= --from=" },
  "context export": { also: [], flags: "" },
  "context import": { also: [], flags: "" },
  "context inspect": { also: [], flags: "-f --format=" },
  "context ls": { also: ["context list"], flags: "--format= -q --quiet" },
  "context rm": { also: ["context remove"], flags: "-f --force" },
  "context show": { also: [], flags: "" },
  "context update": { also: [], flags: "--description= --docker=" },
  "context use": { also: [], flags: "" },
  cp: { also: ["container cp"], flags: "-a --archive -L --follow-link -q --quiet" },
  create: {
    also: ["container create"],
    flags:
      "--add-host= --annotation= -a --attach= --blkio-weight= --blkio-weight-device= --cap-add= --cap-drop= --cgroup-parent= --cgroupns= --cidfile= --cpu-count= --cpu-percent= --cpu-period= --cpu-quota= --cpu-rt-period= --cpu-rt-runtime= -c --cpu-shares= --cpus= --cpuset-cpus= --cpuset-mems= --device= --device-cgroup-rule= --device-read-bps= --device-read-iops= --device-write-bps= --device-write-iops= --disable-content-trust --dns= --dns-option= --dns-search= --domainname= --entrypoint= -e --env= --env-file= --expose= --gpus= --group-add= --health-cmd= --health-interval= --health-retries= --health-start-interval= --health-start-period= --health-timeout= -h --hostname= --init -i --interactive --io-maxbandwidth= --io-maxiops= --ip= --ip6= --ipc= --isolation= --kernel-memory= -l --label= --label-file= --link= --link-local-ip= --log-driver= --log-opt= --mac-address= -m --memory= --memory-reservation= --memory-swap= --memory-swappiness= --mount= --name= --network= --network-alias= --no-healthcheck --oom-kill-disable --oom-score-adj= --pid= --pids-limit= --platform= --privileged -p --publish= -P --publish-all --pull= -q --quiet --read-only --restart= --rm --runtime= --security-opt= --shm-size= --stop-signal= --stop-timeout= --storage-opt= --sysctl= --tmpfs= -t --tty --ulimit= --use-api-socket -u --user= --userns= --uts= -v --volume= --volume-driver= --volumes-from= -w --workdir=",
  },
  diff: { also: ["container diff"], flags: "" },
  events: { also: ["system events"], flags: "-f --filter= --format= --since= --until=" },
  exec: {
    also: ["container exec"],
    flags:
      "-d --detach --detach-keys= -e --env= --env-file= -i --interactive --privileged -t --tty -u --user= -w --workdir=",
  },
  export: { also: ["container export"], flags: "-o --output=" },
  history: { also: ["image history"], flags: "--format= -H --human --no-trunc --platform= -q --quiet" },
  "image inspect": { also: [], flags: "-f --format= --platform=" },
  "image prune": { also: [], flags: "-a --all --filter= -f --force" },
  images: {
    also: ["image ls", "image list"],
    flags: "-a --all --digests -f --filter= --format= --no-trunc -q --quiet --tree",
  },
  import: { also: ["image import"], flags: "-c --change= -m --message= --platform=" },
  info: { also: ["system info"], flags: "-f --format=" },
  inspect: { also: [], flags: "-f --format= -s --size --type=" },
  kill: { also: ["container kill"], flags: "-s --signal=" },
  load: { also: ["image load"], flags: "-i --input= --platform= -q --quiet" },
  login: { also: [], flags: "-p --password= --password-stdin -u --username=" },
  logout: { also: [], flags: "" },
  logs: { also: ["container logs"], flags: "--details -f --follow --since= -n --tail= -t --timestamps --until=" },
  "network connect": { also: [], flags: "--alias= --driver-opt= --gw-priority= --ip= --ip6= --link= --link-local-ip=" },
  "network create": {
    also: [],
    flags:
      "--attachable --aux-address= --config-from= --config-only -d --driver= --gateway= --ingress --internal --ip-range= --ipam-driver= --ipam-opt= --ipv4 --ipv6 --label= -o --opt= --scope= --subnet=",
  },
  "network disconnect": { also: [], flags: "-f --force" },
  "network inspect": { also: [], flags: "-f --format= -v --verbose" },
  "network ls": { also: ["network list"], flags: "-f --filter= --format= --no-trunc -q --quiet" },
  "network prune": { also: [], flags: "--filter= -f --force" },
  "network rm": { also: ["network remove"], flags: "-f --force" },
  pause: { also: ["container pause"], flags: "" },
  port: { also: ["container port"], flags: "" },
  ps: {
    also: ["container ls", "container list", "container ps"],
    flags: "-a --all -f --filter= --format= -n --last= -l --latest --no-trunc -q --quiet -s --size",
  },
  pull: { also: ["image pull"], flags: "-a --all-tags --disable-content-trust --platform= -q --quiet" },
  push: { also: ["image push"], flags: "-a --all-tags --disable-content-trust --platform= -q --quiet" },
  rename: { also: ["container rename"], flags: "" },
  restart: { also: ["container restart"], flags: "-s --signal= -t --timeout=" },
  rm: { also: ["container rm", "container remove"], flags: "-f --force -l --link -v --volumes" },
  rmi: { also: ["image rm", "image remove"], flags: "-f --force --no-prune --platform=" },
  run: {
    also: ["container run"],
    flags:
      "--add-host= --annotation= -a --attach= --blkio-weight= --blkio-weight-device= --cap-add= --cap-drop= --cgroup-parent= --cgroupns= --cidfile= --cpu-count= --cpu-percent= --cpu-period= --cpu-quota= --cpu-rt-period= --cpu-rt-runtime= -c --cpu-shares= --cpus= --cpuset-cpus= --cpuset-mems= -d --detach --detach-keys= --device= --device-cgroup-rule= --device-read-bps= --device-read-iops= --device-write-bps= --device-write-iops= --disable-content-trust --dns= --dns-option= --dns-search= --domainname= --entrypoint= -e --env= --env-file= --expose= --gpus= --group-add= --health-cmd= --health-interval= --health-retries= --health-start-interval= --health-start-period= --health-timeout= -h --hostname= --init -i --interactive --io-maxbandwidth= --io-maxiops= --ip= --ip6= --ipc= --isolation= --kernel-memory= -l --label= --label-file= --link= --link-local-ip= --log-driver= --log-opt= --mac-address= -m --memory= --memory-reservation= --memory-swap= --memory-swappiness= --mount= --name= --network= --network-alias= --no-healthcheck --oom-kill-disable --oom-score-adj= --pid= --pids-limit= --platform= --privileged -p --publish= -P --publish-all --pull= -q --quiet --read-only --restart= --rm --runtime= --security-opt= --shm-size= --sig-proxy --stop-signal= --stop-timeout= --storage-opt= --sysctl= --tmpfs= -t --tty --ulimit= --use-api-socket -u --user= --userns= --uts= -v --volume= --volume-driver= --volumes-from= -w --workdir=",
  },
  save: { also: ["image save"], flags: "-o --output= --platform=" },
  search: { also: [], flags: "-f --filter= --format= --limit= --no-trunc" },
  start: {
    also: ["container start"],
    flags: "-a --attach --checkpoint= --checkpoint-dir= --detach-keys= -i --interactive",
  },
  stats: { also: ["container stats"], flags: "-a --all --format= --no-stream --no-trunc" },
  stop: { also: ["container stop"], flags: "-s --signal= -t --timeout=" },
  "system df": { also: [], flags: "--format= -v --verbose" },
  "system prune": { also: [], flags: "-a --all --filter= -f --force --volumes" },
  tag: { also: ["image tag"], flags: "" },
  top: { also: ["container top"], flags: "" },
  unpause: { also: ["container unpause"], flags: "" },
  update: {
    also: ["container update"],
    flags:
      "--blkio-weight= --cpu-period= --cpu-quota= --cpu-rt-period= --cpu-rt-runtime= -c --cpu-shares= --cpus= --cpuset-cpus= --cpuset-mems= -m --memory= --memory-reservation= --memory-swap= --pids-limit= --restart=",
  },
  version: { also: [], flags: "-f --format=" },
  "volume create": {
    also: [],
    flags:
      "--availability= -d --driver= --group= --label= --limit-bytes= -o --opt= --required-bytes= --scope= --secret= --sharing= --topology-preferred= --topology-required= --type=",
  },
  "volume inspect": { also: [], flags: "-f --format=" },
  "volume ls": { also: ["volume list"], flags: "--cluster -f --filter= --format= -q --quiet" },
  "volume prune": { also: [], flags: "-a --all --filter= -f --force" },
  "volume rm": { also: ["volume remove"], flags: "-f --force" },
  "volume update": { also: [], flags: "--availability=" },
  wait: { also: ["container wait"], flags: "" },
};
