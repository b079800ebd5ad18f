/**
 * Fail points: named places at which a test can have the process killed, to show that nothing is lost or left behind. In
 * production a point is one test of an undefined variable.
 *
 * A program that takes part enables them once at its start (the daemon: from the environment variable WHARF_FAILPOINT,
 * `name` or `name:n` for the n-th time the point is reached).
 */

type Trigger = (name: string) => void;

let trigger: Trigger | undefined;

/** A place worth dying at. Of what is many things in one place `of` says which. */
export function failpoint(name: string, of?: string): void {
  if (trigger !== undefined) trigger(of === undefined ? name : `${name}.${of}`);
}

/** Has `act` called when a point is reached as `spec` says; undefined disables. `*` only reports: `act` is called at each point. */
export function enableFailpoints(spec: string | undefined, act: Trigger): void {
  if (!spec) {
    trigger = undefined;
    return;
  }
  if (spec === "*") {
    trigger = act;
    return;
  }
  const colon = spec.lastIndexOf(":");
  const count = colon < 0 ? 1 : Number(spec.slice(colon + 1));
  const wanted = colon < 0 ? spec : spec.slice(0, colon);
  let left = count;
  trigger = (name) => {
    if (name === wanted && --left === 0) act(name);
  };
}
