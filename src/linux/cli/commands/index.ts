// All commands. A new one is a file beside this one and a line here.
import type { Group, Section } from "../../../common/cli/command.ts";
import type { Cli, WharfNode } from "../cli.ts";
import { attach } from "./attach.ts";
import { create } from "./create.ts";
import { daemon } from "./daemon.ts";
import { doctor } from "./doctor.ts";
import { exec } from "./exec.ts";
import { exportCommand } from "./export.ts";
import { images } from "./images.ts";
import { info } from "./info.ts";
import { inspect } from "./inspect.ts";
import { logs } from "./logs.ts";
import { ps } from "./ps.ts";
import { pull } from "./pull.ts";
import { rm } from "./rm.ts";
import { rmi } from "./rmi.ts";
import { run } from "./run.ts";
import { start } from "./start.ts";
import { kill, restart, stop } from "./stop.ts";
import { version } from "./version.ts";
import { wait } from "./wait.ts";

export const SECTIONS: readonly Section[] = [
  { name: "containers", title: "Containers" },
  { name: "images", title: "Images" },
  { name: "system", title: "System" },
];

/** The same command under another name. */
function named(name: string, node: WharfNode): [string, WharfNode] {
  return [name, { ...node, name }];
}

const CONTAINER = [attach, create, exec, exportCommand, inspect, kill, logs, restart, rm, run, start, stop, wait];

const container: Group<Cli> = {
  name: "container",
  summary: "The commands for containers, under one word",
  section: "system",
  commands: new Map<string, WharfNode>([
    ...CONTAINER.map((node): [string, WharfNode] => [node.name, node]),
    named("ls", ps),
    ["list", ps],
    ["ps", ps],
    ["remove", rm],
  ]),
};

const image: Group<Cli> = {
  name: "image",
  summary: "The commands for images, under one word",
  section: "system",
  commands: new Map<string, WharfNode>([
    named("ls", images),
    ["list", images],
    ["inspect", inspect],
    ["pull", pull],
    named("rm", rmi),
    ["remove", rmi],
  ]),
};

const system: Group<Cli> = {
  name: "system",
  summary: "The commands for the daemon's machine, under one word",
  section: "system",
  commands: new Map<string, WharfNode>([["info", info]]),
};

const COMMANDS: readonly WharfNode[] = [
  ...CONTAINER,
  ps,
  images,
  pull,
  rmi,
  inspect,
  version,
  info,
  daemon,
  doctor,
  container,
  image,
  system,
];

export const ROOT: ReadonlyMap<string, WharfNode> = new Map(COMMANDS.map((node) => [node.name, node]));
