import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions } from "./options.ts";
import { argumentsOf, systemdUnit } from "./systemd-unit.ts";

const EVERY = [
  ...["--root", "/r", "--state", "/s", "--config", "/c", "--group", "g", "--log-level", "debug"],
  ...["--containerd-namespace", "n", "--cgroup-parent", "/a.slice", "--host", "unix:///x/y.sock"],
  ...["--host", "tcp://[::1]:2376", "--tlsverify", "--tlscacert", "/ca", "--tlscert", "/cert", "--tlskey", "/key"],
  ...["--shim-path", "/p", "--shim-path", "/q", "--containerd", "/run/c.sock"],
];

test("argumentsOf() has every option, wherever it came from, and nothing that is so anyway", () => {
  assert.deepEqual(argumentsOf(parseOptions(EVERY, {})), EVERY);
  assert.deepEqual(argumentsOf(parseOptions(["systemd-unit"], {})), []);
  const env = { WHARF_ROOT: "/r", WHARF_STATE: "/s", WHARF_CONFIG: import.meta.filename };
  const given = [...EVERY.slice(0, 4), "--config", import.meta.filename];
  assert.deepEqual(argumentsOf(parseOptions(["systemd-unit"], env)), given);
  const relative = argumentsOf(parseOptions(["--root", "r"], {}));
  assert.deepEqual(relative, ["--root", `${process.cwd()}/r`]);
});

test("systemdUnit() has systemd take every option as it stands", () => {
  const options = parseOptions(["systemd-unit", "--shim-path", "/p"], {});
  const unit = systemdUnit({ ...options, root: '/a b/$x%y"z' }, "/usr/bin/wharfd");
  assert.match(unit, /^ExecStart=\/usr\/bin\/wharfd --root "\/a b\/\$\$x%%y\\"z" --shim-path \/p$/m);
  for (const line of ["Type=notify", "KillMode=process", "Delegate=yes", "Restart=always"])
    assert.ok(unit.split("\n").includes(line), line);
});

test("a configuration that is named by the environment and is not there is not one that the unit needs", () => {
  const config = "/nowhere/config.toml";
  assert.deepEqual(argumentsOf(parseOptions([], { WHARF_CONFIG: config })), []);
  assert.deepEqual(argumentsOf(parseOptions(["--config", config], {})), ["--config", config]);
});
