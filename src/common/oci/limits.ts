/** How long things may take that several programs wait for. */

/** Milliseconds for what has been killed to be gone from its control group: making a network namespace, where many do, takes seconds, and nothing ends it before. */
export const CGROUP_REMOVAL_MS = 30_000;
