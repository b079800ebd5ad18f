// runt checkpoint and restore by criu: what is kept, what comes from outside, what cannot be.
import { equal, match, notEqual } from "node:assert/strict";
import { before, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

let report: Report;
before(async () => {
  report = await inGuest("checkpoint.sh", { limit: 400 });
});

const said = (name: string, text: RegExp) => {
  const { code, output } = report.part(name);
  notEqual(code, 0, name);
  match(output, text);
};

test("checkpoint: the container goes on, or ends and is gone", () => {
  report.of("run");
  report.of("leave running");
  report.of("goes on");
  report.of("checkpoint");
  match(report.of("no container left"), /"box" does not exist\nls: cannot access/);
});

test("restore: the program goes on where it was, in its cgroup, with its limits, names, mounts and seccomp filter", () => {
  report.of("restore");
  equal(report.of("state"), "running");
  report.of("count goes on");
  report.of("still counts");
  equal(report.of("exec"), "text\nvm\nkept\n0::/\n33");
  equal(report.of("cgroup"), "0::/vm-cr/box\n67108864");
  match(report.of("seccomp"), /^Seccomp:\s+2$/);
});

test("what was restored can be checkpointed and restored again, killed and deleted", () => {
  for (const name of ["again", "restore again", "second life", "kill", "has ended", "delete"]) report.of(name);
  said("checkpoint of a stopped one", /cannot be checkpointed in stopped state/);
});

test("pipes: other ones take their place", () => {
  report.of("first line");
  report.of("checkpoint with pipes");
  equal(report.of("second line"), "<two>");
});

test("a terminal: the restore in the foreground takes it, and ends with the program's code", () => {
  report.of("checkpoint with a terminal");
  const { code, output } = report.part("restore with a terminal");
  match(output, /\/dev\/pts\/0/);
  equal(code, 7);
});

test("a network namespace from outside is joined again, and missed when it is gone", () => {
  report.of("checkpoint in a network namespace");
  report.of("restore into it");
  report.of("the same namespace");
  said("restore without it", /the network namespace of the checkpoint is not there/);
});

test("pre-dump: memory first; the parent is relative to the images", () => {
  said("absolute parent", /--parent-path must be relative/);
  said("missing parent", /invalid --parent-path: .* is no folder/);
  for (const name of ["pre-dump", "runs after pre-dump", "checkpoint with parent"]) report.of(name);
  equal(report.of("parent is used").split("\n")[0], "../img-1");
  report.of("restore with parent");
  report.of("goes on with parent");
});

test("errors name the flag, the id or the folder", () => {
  said("bad mode", /--manage-cgroups-mode "odd"/);
  said("bad namespace", /--empty-ns: namespace "user"/);
  said("bad page server", /expected ADDRESS:PORT/);
  said("no criu", /criu, which is not at \/nowhere\/criu.*\nhint: install the package criu/);
  said("id in use", /container with id "pre" already exists/);
  said("no images", /there is no checkpoint at \/var\/tmp\/c\/nothing/);
});

test("what criu cannot do is said in its words, and leaves things as they were", () => {
  said("broken images", /criu cannot restore the container: .*\nhint: see .*restore\.log/);
  equal(report.of("nothing of it"), "");
  said("outside file", /criu cannot dump the container: .*path=\/var\/tmp\/c\/kept/);
  equal(report.of("runs after a failure"), "running");
});

test("--file-locks, --tcp-established, --tcp-skip-in-flight, --link-remap, --ext-unix-sk: refused without, kept with", () => {
  said("locks without --file-locks", /Some file locks are hold/);
  for (const name of ["locks with --file-locks", "restore locks", "still locked"]) report.of(name);
  said("tcp without --tcp-established", /Connected TCP socket/);
  for (const name of ["tcp with --tcp-established", "restore tcp", "still connected", "in flight"]) report.of(name);
  said("remap without --link-remap", /Can't create link remap for \/tmp\/a/);
  for (const name of ["remap with --link-remap", "restore remap"]) report.of(name);
  equal(report.of("still open"), "text");
  match(report.of("socket to outside"), /External socket is used[\s\S]*\n1\n0$/);
});

test("--lazy-pages: from a page server, which says by --status-fd when it is there", () => {
  said("status fd that is none", /--status-fd 77 is not open for writing/);
  equal(report.of("pages can be asked for").trim(), "00");
  report.of("restore lazily");
  equal(report.of("all pages are there"), "0");
  report.of("goes on lazily");
});

test("restore --console-socket: a socket gets the terminal; --lsm-profile is taken", () => {
  equal(report.of("terminal for a socket"), "True");
  report.of("profile");
});

test("systemd's driver: the scope goes with the checkpoint and is made for the restore", () => {
  report.of("checkpoint of a scope");
  report.of("scope is gone");
  report.of("restore of a scope");
  equal(report.of("in its scope"), "0::/system.slice/box-cr.scope\n44");
});

test("leaves no cgroup, no mount and no state", () => {
  equal(report.of("nothing left"), "");
});
