# Runs inside the peers root: a real containerd, whose configuration has a handler "runt" by its own shim with BinaryName and a handler "shim"
# by ours, and a client of its CRI. Arguments: a folder with rootfs/ in it, and the folder of this repository. Every step prints "== name", what it has to say, and "rc N".
dir=$1
home=$2
# what tells that runt has been called, and not another
mkdir "$dir/bin"
cat > "$dir/bin/runt" << END
#!/bin/sh
echo "\$*" >> $dir/calls
exec $home/dist/bin/runt "\$@"
END
chmod +x "$dir/bin/runt"
cat > "$dir/config.toml" << END
version = 3
root = "$dir/root"
state = "$dir/state"
[grpc]
  address = "$dir/c.sock"
[ttrpc]
  address = "$dir/c.sock.ttrpc"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "native"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "localhost/busybox:latest"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["$dir"]
  conf_dir = "$dir/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runt]
  runtime_type = "io.containerd.runc.v2"
  snapshotter = "native"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runt.options]
  BinaryName = "$dir/bin/runt"
  Root = "$dir/runt-state"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.shim]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "$home/dist/bin/containerd-shim-runt-v2"
  snapshotter = "native"
END
# an image of busybox that sleeps: the pod's own as well
mkdir "$dir/image" && tar -C "$dir/rootfs" -cf "$dir/image/layer.tar" .
layer=$(sha256sum < "$dir/image/layer.tar" | cut -d ' ' -f 1)
echo '{"architecture":"amd64","os":"linux","config":{"Cmd":["sleep","1000"],"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["sha256:'"$layer"'"]}}' > "$dir/image/config.json"
echo '[{"Config":"config.json","RepoTags":["localhost/busybox:latest"],"Layers":["layer.tar"]}]' > "$dir/image/manifest.json"
tar -C "$dir/image" -cf "$dir/image.tar" manifest.json config.json layer.tar
containerd -c "$dir/config.toml" > "$dir/log" 2>&1 &
daemon=$!
client() { timeout -k 1 120 ctr -a "$dir/c.sock" -n k8s.io "$@"; }
for _ in $(seq 600); do
  client version > "$dir/version" 2>&1 && break
  sleep 0.1
done
client images import --local --snapshotter native "$dir/image.tar" > "$dir/import" 2>&1 || cat "$dir/import"
timeout -k 1 120 "$home/tools/node" "$home/test/interop/containerd/cri.ts" "$dir/c.sock" "/$(basename "$dir")"
echo "== calls"
grep -oE ' (create|start|exec|kill|delete) ' "$dir/calls" | sort -u | xargs
echo "rc 0"
kill "$daemon"
wait "$daemon"
grep -E 'level=(error|fatal)' "$dir/log" >&2
exit 0
