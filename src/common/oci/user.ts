/**
 * `--user` as numbers: resolved with the image's own /etc/passwd and /etc/group, by the rules that Docker and runc share
 * (github.com/moby/sys/user, GetExecUser).
 */

import { WharfError } from "../errors.ts";
import type { User } from "./runtime.ts";

/** The two files' texts; empty where the image has none. */
export interface UserFiles {
  passwd: string;
  group: string;
}

interface Passwd {
  name: string;
  uid: number;
  gid: number;
}
interface Group {
  name: string;
  gid: number;
  members: string[];
}

const MAX_ID = 0x7fffffff;

/**
 * `wanted` is `user`, `uid`, `user:group`, `uid:gid` … or empty for root. InvalidArgument for a name that the image does
 * not know. `more` are further groups (--group-add), names or numbers.
 */
export function resolveUser(wanted: string, files: UserFiles, more: readonly string[] = []): User {
  const colon = wanted.indexOf(":");
  const userPart = colon < 0 ? wanted : wanted.slice(0, colon);
  const groupPart = colon < 0 ? "" : wanted.slice(colon + 1);
  const groups = parseGroups(files.group);
  const asNumber = number(userPart);
  const entry = parsePasswd(files.passwd).find((one) =>
    userPart === "" ? one.uid === 0 : one.name === userPart || one.uid === asNumber,
  );
  if (!entry && userPart !== "" && asNumber === undefined) throw unknown("user", userPart, "/etc/passwd");
  const uid = entry?.uid ?? asNumber ?? 0;
  let gid = entry?.gid ?? 0;
  const additional: number[] = [];
  if (groupPart !== "") gid = groupId(groupPart, groups);
  // A group that is named takes the place of all that the user's entry brings.
  else if (entry) for (const group of groups) if (group.members.includes(entry.name)) additional.push(group.gid);
  for (const group of more) additional.push(groupId(group, groups));
  return { uid: range(uid, wanted), gid: range(gid, wanted), additionalGids: [...new Set([gid, ...additional])] };
}

function groupId(text: string, groups: readonly Group[]): number {
  const asNumber = number(text);
  const found = groups.find((group) => group.name === text || group.gid === asNumber);
  if (found) return found.gid;
  if (asNumber === undefined) throw unknown("group", text, "/etc/group");
  return asNumber;
}

function parsePasswd(text: string): Passwd[] {
  return rows(text).flatMap(([name, , uid, gid]) => {
    const ids = [number(uid ?? ""), number(gid ?? "")];
    return name && ids[0] !== undefined && ids[1] !== undefined ? [{ name, uid: ids[0], gid: ids[1] }] : [];
  });
}

function parseGroups(text: string): Group[] {
  return rows(text).flatMap(([name, , id, members]) => {
    const gid = number(id ?? "");
    return name && gid !== undefined ? [{ name, gid, members: (members ?? "").split(",").filter(Boolean) }] : [];
  });
}

function rows(text: string): string[][] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}

function number(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function range(id: number, wanted: string): number {
  if (id <= MAX_ID) return id;
  throw new WharfError(
    "InvalidArgument",
    `the user ${JSON.stringify(wanted)} is out of range: ids go up to ${MAX_ID}`,
    {
      operation: "resolve user",
      subject: wanted,
    },
  );
}

function unknown(what: string, name: string, file: string): WharfError {
  return new WharfError(
    "InvalidArgument",
    `unable to find ${what} ${name}: no matching entries in ${file.slice(5)} file`,
    {
      operation: "resolve user",
      subject: name,
      hint: `the image's ${file} does not have it; give a number, or add it to the image`,
    },
  );
}
