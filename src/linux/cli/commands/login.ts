// wharf login, logout: credentials for registries, in docker's configuration file or its credential helpers.
import { bool, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { readAll } from "../../sys/fs.ts";
import { type Cli, command } from "../cli.ts";
import { changeConfig } from "../config.ts";
import { base64url, execute, fromBase64, HUB_KEY, registryAuth } from "../image/auth.ts";
import { readLine, readSecret } from "../stream/ask.ts";

/** `https://registry.example/v2/` and `registry.example` are the same; nothing, and docker.io, is Docker Hub. */
function registryOf(text: string): { domain: string; key: string } {
  const domain = text.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  const hub = domain === "" || domain === "docker.io" || domain === "index.docker.io";
  return hub ? { domain: "docker.io", key: HUB_KEY } : { domain, key: domain };
}

function changeAuths(cli: Cli, change: (auths: Record<string, unknown>) => void): void {
  changeConfig(cli.configPath, (config) => {
    const auths = { ...(config.auths as Record<string, unknown> | undefined) };
    change(auths);
    return { ...config, auths };
  });
}

function helperOf(cli: Cli, domain: string): string | undefined {
  return cli.config.credHelpers?.[domain] ?? cli.config.credsStore;
}

function callHelper(cli: Cli, helper: string, verb: string, input: string): void {
  const program = `docker-credential-${helper}`;
  const { status, output } = execute(cli, program, [verb], input);
  const hint = `without credsStore and credHelpers in ${cli.configPath} credentials are kept in that file`;
  if (status === 127) throw new WharfError("NotFound", `the credential helper ${program} is not installed`, { hint });
  if (status !== 0) {
    const why = native.utf8(output).trim() || `exit code ${status}`;
    throw new WharfError("Unknown", `${program} failed: ${why}`, { hint });
  }
}

interface Credentials {
  username: string;
  password: string;
}

function ask(cli: Cli, flags: { username: string; password: string; "password-stdin": boolean }): Credentials {
  if (flags["password-stdin"]) {
    if (flags.password !== "")
      throw new WharfError("InvalidArgument", "--password and --password-stdin are mutually exclusive", {
        operation: "usage",
      });
    if (flags.username === "")
      throw new WharfError("InvalidArgument", "--password-stdin needs --username", { operation: "usage" });
    return { username: flags.username, password: native.utf8(readAll(0)).replace(/\r?\n$/, "") };
  }
  if (flags.password !== "") cli.warn("--password shows up in the list of processes: --password-stdin does not");
  if ((flags.username === "" || flags.password === "") && !cli.isTerminal(0)) {
    throw new WharfError("FailedPrecondition", "there is no terminal to ask for the credentials", {
      hint: "use --username and --password-stdin",
    });
  }
  let { username, password } = flags;
  if (username === "") {
    cli.err("Username: ");
    username = (readLine() ?? "").trim();
  }
  if (password === "") password = readSecret(cli, "Password: ");
  if (username === "" || password === "")
    throw new WharfError("InvalidArgument", "both a name and a password are needed");
  return { username, password };
}

export const login = command({
  name: "login",
  summary: "Keep the credentials for a registry",
  description:
    "Asks the registry first. They are kept by the credential helper of docker's configuration file, else in that file.",
  usage: "[REGISTRY]",
  args: { min: 0, max: 1 },
  section: "images",
  completes: "registries",
  flags: {
    username: string("Who you are there", { short: "u" }),
    password: string("Password or token", { short: "p" }),
    "password-stdin": bool("Read the password from stdin"),
  },
  examples: [{ what: "From a script", line: "login -u ci --password-stdin registry.example <token" }],
  run: async (cli, { flags, args }) => {
    const { domain, key } = registryOf(args[0] ?? "");
    const kept = flags.username === "" && flags.password === "" && !flags["password-stdin"];
    const header = kept ? registryAuth(cli, domain) : undefined;
    if (header !== undefined) {
      const auth = JSON.parse(native.utf8(fromBase64(header))) as Record<string, string>;
      await cli.api.call("POST", "/auth", { json: auth, doing: "log in" });
      cli.out("Login Succeeded\n");
      return 0;
    }
    const { username, password } = ask(cli, flags);
    const answer = await cli.api.json<{ Status?: string; IdentityToken?: string }>("POST", "/auth", {
      json: { username, password, serveraddress: key },
      doing: "log in",
    });
    const token = answer.IdentityToken ?? "";
    const helper = helperOf(cli, domain);
    if (helper) {
      const Secret = token || password;
      const entry = { ServerURL: key, Username: token ? "<token>" : username, Secret };
      callHelper(cli, helper, "store", JSON.stringify(entry));
      changeAuths(cli, (auths) => {
        auths[key] = {};
      });
    } else {
      // Standard base64, as docker writes it.
      const auth = base64url(native.bytes(`${username}:${token ? "" : password}`))
        .replaceAll("-", "+")
        .replaceAll("_", "/");
      changeAuths(cli, (auths) => {
        auths[key] = { auth, ...(token ? { identitytoken: token } : {}) };
      });
      cli.warn(`the password is kept unencrypted in ${cli.configPath}; a credential helper keeps it safe`);
    }
    cli.out(`${answer.Status ?? "Login Succeeded"}\n`);
    return 0;
  },
});

export const logout = command({
  name: "logout",
  summary: "Forget the credentials for a registry",
  usage: "[REGISTRY]",
  args: { min: 0, max: 1 },
  section: "images",
  completes: "registries",
  flags: {},
  examples: [{ what: "Of Docker Hub", line: "logout" }],
  run: (cli, { args }) => {
    const { domain, key } = registryOf(args[0] ?? "");
    const keys = [key, `https://${key}`, `https://${key}/v1/`, `https://${key}/v2/`];
    const helper = helperOf(cli, domain);
    if (helper) callHelper(cli, helper, "erase", key);
    if (keys.some((one) => cli.config.auths?.[one])) {
      changeAuths(cli, (auths) => {
        for (const one of keys) delete auths[one];
      });
    }
    cli.out(`Removing login credentials for ${key}\n`);
    return 0;
  },
});
