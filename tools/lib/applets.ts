// The programs that the one of the linux world is, by the name it is called.

/** `guarded` where processes come out of it that a container can see; the shims that the agent starts are its own children. */
export const APPLETS = new Map([
  ["wharf", { entry: "src/linux/cli/main.ts", guarded: "" }],
  ["runt", { entry: "src/linux/runt/main.ts", guarded: "create run exec" }],
  // for who calls it in runc's place by a link of that name; there is none in dist/bin
  ["runc", { entry: "src/linux/runt/main.ts", guarded: "create run exec" }],
  ["containerd-shim-runt-v2", { entry: "src/linux/shim/main.ts", guarded: "start" }],
  ["wharf-agent", { entry: "src/linux/agent/main.ts", guarded: "*" }],
  ["docker-init", { entry: "src/linux/init/main.ts", guarded: "" }],
  ["ctr", { entry: "src/linux/ctr/main.ts", guarded: "" }],
]);
