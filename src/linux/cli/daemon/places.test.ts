import { absolute } from "../../sys/fs.ts";
import { equal, test } from "../../testing.ts";
import { configOf, rootOf, stateOf } from "./places.ts";

test("places are absolute, for the daemon runs in another folder; a flag comes before the environment", () => {
  const env = new Map([
    ["WHARF_ROOT", "data"],
    ["WHARF_STATE", "./state"],
  ]);
  const here = absolute(".");
  equal(here.startsWith("/"), true);
  equal([rootOf(env), stateOf(env)], [`${here}/data`, `${here}/state`]);
  equal([rootOf(env, "../r"), stateOf(env, "/s")], [absolute("../r"), "/s"]);
  equal(configOf(new Map()), "/etc/wharf/config.toml");
  equal(configOf(env, "c.toml"), `${here}/c.toml`);
});
