/** `wharfd config default`: every setting of the configuration file, with what it is without the file. */

export const DEFAULT = `# /etc/wharf/config.toml: what wharfd(8) reads at its start. Everything may be left out.
# wharfd config check says whether a file is right, and on which line it is not.

# The runtime of containers that ask for none: runt, or a handler below.
default-runtime = "runt"

# Folders, separated by ":", with one for each registry, that holds a hosts.toml in containerd's form (mirrors, certificates, plain http) or
# docker's *.crt, *.cert and *.key: /etc/containerd/certs.d, /etc/docker/certs.d.
# registry-config-path = "/etc/containerd/certs.d"

# Registries (host, host:port, or networks) that may be spoken to without TLS or with any certificate.
insecure-registries = []

# The log of containers that name none: "json-file", "local" (by itself five files of 20 MB at most, those before the last compressed) or "none". A
# json-file has no limit unless it is given one; options are those of docker run --log-opt, and a container's own win.
log-driver = "json-file"
# log-opts = { max-size = "10m", max-file = "3" }

# The group, a name or number, that may use containerd.sock: whoever is in it is as good as root. The file's mode is 0660.
containerd-group = "root"

# Bytes of the biggest message that containerd.sock takes and sends (containerd: grpc.max_recv_message_size, grpc.max_send_message_size). A call
# whose answer is bigger ends with ResourceExhausted, as a client by itself takes no more either.
max-recv-message-size = 16777216
max-send-message-size = 16777216

# Serves our overlayfs snapshotter there to another containerd, which names the socket in its [proxy_plugins].
# snapshotter-socket = "/run/wharf/snapshotter.sock"

# What a namespace of containerd's API gets by its digest alone: "shared", a blob that any other namespace has; "isolated", one that a namespace
# with the label containerd.io/namespace.shareable=true has, all else it must bring whole.
content-sharing-policy = "shared"

# How often containers with the labels containerd.io/restart.… (nerdctl run --restart) are looked at: ended ones are started again by their policy.
restart-interval = "10s"

# The image that holds the namespaces of pods (sandbox controller podsandbox; containerd's pause image): taken from the pod's namespace, pulled when it
# is not there. By default a program of ours holds them, and no image is needed.
# sandbox-image = "registry.k8s.io/pause:3.10"

# How readily the kernel takes the daemon when memory is short, from -1000 (never) to 1000 (containerd: oom_score). Its shims have one more; containers
# have what they ask for, those of the Docker API 0 by default. By itself it stays as whoever started wharfd set it: the unit of wharfd systemd-unit, to -999.
# oom-score = -999

# Programs that are asked about each image before it is pulled, in containerd's form (bindir): all in the folder, by name; one that does not end with 0,
# or takes longer, refuses the image.
# [image-verifier]
# bin-dir = "/etc/wharf/image-verifiers"
# max-verifiers = 10
# per-verifier-timeout = "10s"

# Handlers: docker run --runtime runc. binary is the OCI runtime's program, root its state folder; type our shim, as containerd names them, or its
# path. What is named has to be there when the daemon starts. With systemd-cgroup systemd makes the control groups of new containers, which is for
# machines where it manages them: a scope each, below system.slice or the slice that --cgroup-parent names. runt, which is there without a
# table, has neither type nor binary.
# [runtimes.runt]
# systemd-cgroup = true
#
# [runtimes.runc]
# type = "io.containerd.runt.v2"
# binary = "runc"
# root = ""
# systemd-cgroup = false
#
# [runtimes.crun]
# binary = "crun"
#
# [runtimes.gvisor]
# binary = "runsc"

# Other snapshotters, which serve containerd's snapshots API on a socket: ctr --snapshotter stargz.
# [snapshotters.stargz]
# address = "/run/containerd-stargz-grpc/containerd-stargz-grpc.sock"

# Mirrors of a registry, tried in order before it.
# [mirrors]
# "docker.io" = ["https://mirror.example"]

# A registry's hosts.toml may stand here, too.
# [registries."registry.example".host."https://mirror.example"]
# capabilities = ["pull", "resolve"]
`;
