// A session keyring of the container's own, so that keys of the host's session are out of its reach (man 7 session-keyring).
import { NR } from "../sys/nr.ts";
import { withKeyLabel } from "./labels.ts";

const JOIN_SESSION_KEYRING = 1;
const SETPERM = 5;
/** What a new session keyring allows: its possessor all, its user to view, read and link. */
const USUAL = 0x3f130000;
/** For `exec` to find it by name: its user, or in a user namespace, where it has another one, everybody. */
const USER_SEARCH = 0x00080000;
const OTHER_SEARCH = 0x00000008;

/** Makes it, or joins the one that is there. A kernel without keyrings, or a filter around us, is no reason to fail. */
export function joinKeyring(id: string, label: string | undefined, userNamespace: boolean): void {
  withKeyLabel(label, () => {
    const keyring = native.syscall(NR.keyctl, JOIN_SESSION_KEYRING, `_ses.${id}`);
    if (keyring < 0) return;
    native.syscall(NR.keyctl, SETPERM, keyring, USUAL | (userNamespace ? OTHER_SEARCH : USER_SEARCH));
  });
}
