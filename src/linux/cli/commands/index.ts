// All commands. A new one is a file beside this one and a line here.
import type { Group, Section } from "../../../common/cli/command.ts";
import type { Cli, WharfNode } from "../cli.ts";
import { attach } from "./attach.ts";
import { commit } from "./commit.ts";
import { complete, completion } from "./completion.ts";
import {
  contextCreate,
  contextExport,
  contextImport,
  contextInspect,
  contextLs,
  contextRm,
  contextShow,
  contextUpdate,
  contextUse,
} from "./context.ts";
import { cp } from "./cp.ts";
import { create } from "./create.ts";
import { daemon } from "./daemon.ts";
import { df } from "./df.ts";
import { dialStdio } from "./dial.ts";
import { doctor } from "./doctor.ts";
import { events } from "./events.ts";
import { exec } from "./exec.ts";
import { exportCommand } from "./export.ts";
import { history } from "./history.ts";
import { images } from "./images.ts";
import { info } from "./info.ts";
import { inspect, inspectOnly } from "./inspect.ts";
import { login, logout } from "./login.ts";
import { logs } from "./logs.ts";
import { networkConnect, networkCreate, networkDisconnect, networkLs, networkRm } from "./network.ts";
import { diff, pause, port, rename, top, unpause } from "./pause.ts";
import { containerPrune, imagePrune, networkPrune, systemPrune, volumePrune } from "./prune.ts";
import { ps } from "./ps.ts";
import { pull } from "./pull.ts";
import { push } from "./push.ts";
import { rm } from "./rm.ts";
import { rmi } from "./rmi.ts";
import { run } from "./run.ts";
import { importCommand, load, save } from "./save.ts";
import { search } from "./search.ts";
import { start } from "./start.ts";
import { stats } from "./stats.ts";
import { kill, restart, stop } from "./stop.ts";
import { tag } from "./tag.ts";
import { update } from "./update.ts";
import { version } from "./version.ts";
import { volumeCreate, volumeLs, volumeRm } from "./volume.ts";
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

const CONTAINER: readonly WharfNode[] = [
  attach,
  commit,
  cp,
  create,
  diff,
  exec,
  exportCommand,
  kill,
  logs,
  pause,
  port,
  rename,
  restart,
  rm,
  run,
  start,
  stats,
  stop,
  top,
  unpause,
  update,
  wait,
];
const IMAGE: readonly WharfNode[] = [history, importCommand, load, pull, push, save, tag];

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
    ["inspect", inspectOnly("container", "containers")],
    ["prune", containerPrune],
  ]),
};

const image: Group<Cli> = {
  name: "image",
  summary: "The commands for images, under one word",
  section: "system",
  commands: new Map<string, WharfNode>([
    named("ls", images),
    ["list", images],
    ...IMAGE.map((node): [string, WharfNode] => [node.name, node]),
    ["inspect", inspectOnly("image", "images")],
    ["prune", imagePrune],
    named("rm", rmi),
    ["remove", rmi],
  ]),
};

const system: Group<Cli> = {
  name: "system",
  summary: "The commands for the daemon's machine, under one word",
  section: "system",
  commands: new Map<string, WharfNode>([
    ["df", df],
    ["dial-stdio", dialStdio],
    ["events", events],
    ["info", info],
    ["prune", systemPrune],
  ]),
};

const volume: Group<Cli> = {
  name: "volume",
  summary: "Volumes: files that outlive containers",
  section: "system",
  commands: new Map<string, WharfNode>([
    ["create", volumeCreate],
    ["inspect", inspectOnly("volume", "volumes")],
    ["ls", volumeLs],
    ["list", volumeLs],
    ["prune", volumePrune],
    ["rm", volumeRm],
    ["remove", volumeRm],
  ]),
};

const network: Group<Cli> = {
  name: "network",
  summary: "Networks of containers",
  section: "system",
  commands: new Map<string, WharfNode>([
    ["connect", networkConnect],
    ["create", networkCreate],
    ["disconnect", networkDisconnect],
    ["inspect", inspectOnly("network", "networks")],
    ["ls", networkLs],
    ["list", networkLs],
    ["prune", networkPrune],
    ["rm", networkRm],
    ["remove", networkRm],
  ]),
};

const context: Group<Cli> = {
  name: "context",
  summary: "Named daemons, shared with docker",
  section: "system",
  commands: new Map<string, WharfNode>([
    ["create", contextCreate],
    ["export", contextExport],
    ["import", contextImport],
    ["inspect", contextInspect],
    ["ls", contextLs],
    ["list", contextLs],
    ["rm", contextRm],
    ["remove", contextRm],
    ["show", contextShow],
    ["update", contextUpdate],
    ["use", contextUse],
  ]),
};

const COMMANDS: readonly WharfNode[] = [
  ...CONTAINER,
  ps,
  ...IMAGE,
  images,
  rmi,
  login,
  logout,
  search,
  inspect,
  events,
  version,
  info,
  daemon,
  doctor,
  container,
  image,
  system,
  volume,
  network,
  context,
  completion,
  complete,
];

export const ROOT: ReadonlyMap<string, WharfNode> = new Map(COMMANDS.map((node) => [node.name, node]));
