# For scripts of steps: containerd_config ROOT STATE SOCKET [SNAPSHOTTER] prints the configuration of a real containerd without its CRI. SNAPSHOTTER is the
# socket of ours.
containerd_config() {
  cat << END
version = 3
root = "$1"
state = "$2"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.podsandbox.controller.v1.podsandbox"]
[grpc]
  address = "$3"
[ttrpc]
  address = "$3.ttrpc"
END
  [ -z "$4" ] || printf '[proxy_plugins.wharf]\n  type = "snapshot"\n  address = "%s"\n' "$4"
}
