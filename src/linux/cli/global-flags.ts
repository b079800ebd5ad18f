// The flags before the command.
import { bool, maybeBool, string } from "../../common/cli/flags.ts";

export const GLOBAL_FLAGS = {
  host: string("Daemon to talk to (also DOCKER_HOST)", {
    short: "H",
    type: "unix://PATH|tcp://HOST:PORT|ssh://USER@HOST",
  }),
  debug: bool("Show requests, and errors with their whole chain", { short: "D" }),
  "log-level": string("How much to say", {
    short: "l",
    choices: ["debug", "info", "warn", "error", "fatal"],
    initial: "info",
  }),
  config: string("Folder of docker's configuration file", { type: "DIR" }),
  context: string("Named daemon to talk to (also DOCKER_CONTEXT)", {
    short: "c",
    type: "CONTEXT",
    completes: "contexts",
  }),
  tls: bool("Use TLS, without looking at the server's certificate"),
  tlscacert: string("Trust only certificates that this authority signed", { type: "FILE" }),
  tlscert: string("Our certificate", { type: "FILE" }),
  tlskey: string("Our certificate's key", { type: "FILE" }),
  tlsverify: maybeBool("Use TLS, and check the server's certificate"),
  version: bool("Print the version and quit", { short: "v" }),
} as const;
