// The bundles that runtimes are measured with: a small one, and the one that Docker itself makes for a container with limits.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Context, command, which } from "./context.ts";
import { dockerd } from "./daemons.ts";
import { busyboxRoot, pushedImages } from "./images.ts";

interface Mount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
}

interface Spec {
  ociVersion: string;
  process: { terminal?: boolean; args: string[]; cwd: string; env: string[]; user: { uid: number; gid: number } };
  root: { path: string; readonly?: boolean };
  hostname?: string;
  mounts: Mount[];
  hooks?: unknown;
  linux: { namespaces: { type: string; path?: string }[]; cgroupsPath?: string };
}

export interface Bundle {
  dir: string;
  spec: Spec;
}

async function makeBundle(dir: string, spec: Spec): Promise<Bundle> {
  await busyboxRoot(join(dir, "rootfs"));
  writeFileSync(join(dir, "config.json"), JSON.stringify(spec));
  return { dir, spec };
}

/** The same bundle with another command. */
export function withArgs(context: Context, bundle: Bundle, name: string, args: string[]): string {
  const dir = join(context.settings.work, `${name}-bundle`);
  mkdirSync(dir, { recursive: true });
  const root = { ...bundle.spec.root, path: join(bundle.dir, "rootfs") };
  const { terminal: _, ...process } = bundle.spec.process;
  writeFileSync(join(dir, "config.json"), JSON.stringify({ ...bundle.spec, root, process: { ...process, args } }));
  return dir;
}

/** What `runc spec` gives, without its terminal, running `true`. */
export function smallBundle(context: Context): Promise<Bundle> {
  return context.once("small bundle", async () => {
    const dir = join(context.settings.work, "small");
    mkdirSync(dir);
    await command(which("runc"), "spec", "--bundle", dir);
    const spec = JSON.parse(readFileSync(join(dir, "config.json"), "utf8")) as Spec;
    spec.process = { ...spec.process, terminal: false, args: ["true"] };
    return makeBundle(dir, spec);
  });
}

/**
 * What Docker gives its runtime for `docker run --memory 256m --cpus 1 --pids-limit 100`: its default seccomp profile, mounts,
 * capabilities, masked paths. Taken from a real dockerd, whose runtime is a script that keeps config.json.
 */
export function dockerBundle(context: Context): Promise<Bundle> {
  return context.once("docker bundle", async () => {
    const { work, mark } = context.settings;
    const images = await pushedImages(context);
    const [capture, caught] = [join(work, "capture"), join(work, "captured.json")];
    const script = `#!/bin/sh
bundle= previous=
for word; do [ "$previous" != --bundle ] || bundle=$word; previous=$word; done
[ -z "$bundle" ] || cp "$bundle/config.json" ${caught}
exec ${which("crun")} "$@"
`;
    writeFileSync(capture, script);
    chmodSync(capture, 0o755);
    const runtime = ["--add-runtime", `capture=${capture}`, "--cgroup-parent", `/${mark}`];
    const { socket, stop } = await dockerd(context, join(work, "docker-capture"), runtime);
    try {
      const limits = ["--memory", "256m", "--cpus", "1", "--pids-limit", "100", "--network", "none"];
      const flags = ["run", "--rm", "--runtime", "capture", ...limits];
      await command(which("docker"), "-H", `unix://${socket}`, ...flags, images.busybox, "true");
    } finally {
      await stop();
    }
    const spec = JSON.parse(readFileSync(caught, "utf8")) as Spec;
    const dir = join(work, "docker-bundle");
    mkdirSync(dir);
    // what belonged to that one container: its root, its three files, the hook that called dockerd back, its group
    spec.root.path = "rootfs";
    delete spec.hooks;
    for (const mount of spec.mounts) {
      if (mount.type !== "bind" || !mount.source?.includes("docker-capture")) continue;
      mount.source = join(dir, mount.destination.replaceAll("/", "-"));
      writeFileSync(mount.source, "");
    }
    spec.linux.namespaces = spec.linux.namespaces.map(({ type }) => ({ type }));
    spec.linux.cgroupsPath = `/${mark}/bench`;
    return makeBundle(dir, spec);
  });
}
