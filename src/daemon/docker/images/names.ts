/** Names under which images without a name are kept: what a tag pointed at before it moved. */

/** Followed by the target's digest. */
export const DANGLING = "moby-dangling@";
