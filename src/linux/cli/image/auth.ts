// Credentials for a registry, from docker's configuration file and credential helpers, as the X-Registry-Auth header has them.
import { WharfError } from "../../../common/errors.ts";
import { close, dup3, O, open, pipe, readAll, writeAll } from "../../sys/fs.ts";
import { blockSignals, clearSignalMask } from "../../sys/loop.ts";
import { exec, exit, fork, SIGNALS, wait } from "../../sys/process.ts";
import type { Cli } from "../cli.ts";
import type { AuthEntry } from "../config.ts";

/** The key under which Docker Hub's credentials have always been kept. */
export const HUB_KEY = "https://index.docker.io/v1/";

interface AuthHeader {
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
  serveraddress: string;
}

/** Base64url of the credentials, or undefined when there are none. */
export function registryAuth(cli: Cli, domain: string): string | undefined {
  const key = domain === "docker.io" ? HUB_KEY : domain;
  const { config } = cli;
  const helper = config.credHelpers?.[domain] ?? config.credsStore;
  const found = helper ? askHelper(cli, helper, key) : fromFile(config.auths ?? {}, key);
  return found ? base64url(native.bytes(JSON.stringify({ ...found, serveraddress: key }))) : undefined;
}

function fromFile(auths: Record<string, AuthEntry>, key: string): Omit<AuthHeader, "serveraddress"> | undefined {
  const entry = auths[key] ?? auths[`https://${key}`] ?? auths[`https://${key}/v1/`] ?? auths[`https://${key}/v2/`];
  if (!entry) return undefined;
  const { auth, identitytoken, registrytoken } = entry;
  let { username, password } = entry;
  if (auth) {
    const text = native.utf8(fromBase64(auth));
    const colon = text.indexOf(":");
    if (colon >= 0) [username, password] = [text.slice(0, colon), text.slice(colon + 1)];
  }
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(identitytoken === undefined ? {} : { identitytoken }),
    ...(registrytoken === undefined ? {} : { registrytoken }),
  };
}

/** A helper that does not work, on a machine without a desktop for instance, is no reason not to pull what is public. */
function askHelper(cli: Cli, name: string, key: string): ReturnType<typeof fromHelper> {
  try {
    return fromHelper(cli, name, key);
  } catch (error) {
    cli.warn(`going on without credentials: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Asks `docker-credential-NAME get`; no entry there is no credentials. */
function fromHelper(cli: Cli, name: string, key: string): Omit<AuthHeader, "serveraddress"> | undefined {
  const program = `docker-credential-${name}`;
  const { status, output } = execute(cli, program, ["get"], key);
  if (status === 127) throw new WharfError("NotFound", `the credential helper ${program} is not installed`);
  const answer = native.utf8(output).trim();
  if (status !== 0) {
    if (/credentials not found/i.test(answer)) return undefined;
    throw new WharfError("Unauthenticated", `${program} failed: ${answer || `exit code ${status}`}`);
  }
  const { Username, Secret } = JSON.parse(answer) as { Username: string; Secret: string };
  return Username === "<token>" ? { identitytoken: Secret } : { username: Username, password: Secret };
}

/** Runs a program of PATH with `input` on stdin, and gives what it says on stdout. */
export function execute(
  cli: Cli,
  program: string,
  args: readonly string[],
  input: string,
): { status: number; output: Uint8Array } {
  const [inReader, inWriter] = pipe();
  const [outReader, outWriter] = pipe();
  // A helper that ends without reading is no reason for us to end.
  blockSignals([SIGNALS.PIPE]);
  const child = fork();
  if (child === 0) {
    clearSignalMask();
    dup3(inReader, 0);
    dup3(outWriter, 1);
    dup3(open("/dev/null", O.WRONLY), 2);
    const env = [...cli.env].map(([name, value]) => `${name}=${value}`);
    for (const dir of (cli.env.get("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(":")) {
      try {
        exec(`${dir || "."}/${program}`, [program, ...args], env);
      } catch {
        // the next folder
      }
    }
    exit(127);
  }
  close(inReader);
  close(outWriter);
  try {
    writeAll(inWriter, input);
  } catch {
    // it ended without reading: its status tells
  }
  close(inWriter);
  const output = readAll(outReader);
  close(outReader);
  return { status: wait(child)!.status, output };
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** With padding, as Go's URLEncoding writes it. */
export function base64url(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b = 0, c = 0] = bytes.subarray(i, i + 3);
    const bits = (a! << 16) | (b << 8) | c;
    const left = bytes.length - i;
    text += ALPHABET[bits >> 18]! + ALPHABET[(bits >> 12) & 63]!;
    text += left > 1 ? ALPHABET[(bits >> 6) & 63]! : "=";
    text += left > 2 ? ALPHABET[bits & 63]! : "=";
  }
  return text;
}

export function fromBase64(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let count = 0;
  for (const c of text.replaceAll("+", "-").replaceAll("/", "_")) {
    const value = ALPHABET.indexOf(c);
    if (value < 0) continue;
    bits = (bits << 6) | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push((bits >> count) & 255);
    }
  }
  return Uint8Array.from(bytes);
}
