import { equal, test } from "../../testing.ts";
import { placesOf } from "./service.ts";

test("placesOf() reads the places that a unit gives its daemon", () => {
  const usual = { root: "/var/lib/wharf", state: "/run/wharf", config: "/etc/wharf/config.toml" };
  equal(placesOf("[Service]\nExecStart=/opt/wharfd\n"), usual);
  equal(placesOf('[Service]\nExecStart=/opt/wharfd --root "/srv/a b/50%%" --state=/run/w2\nRestart=always\n'), {
    ...usual,
    root: "/srv/a b/50%",
    state: "/run/w2",
  });
  equal(placesOf("ExecStart=/opt/wharfd \\\n  --config /c.toml\n"), { ...usual, config: "/c.toml" });
  equal(placesOf(""), undefined);
  equal(placesOf("[Service]\nExecStart=\n"), undefined);
});
