/** Exec: further processes of a container. */

import { array, boolean, integer, nullable, object, optional, string } from "./schema.ts";

export const ExecCreateRequest = object("ExecConfig", {
  User: optional(string()),
  Privileged: optional(boolean()),
  Tty: optional(boolean()),
  ConsoleSize: optional(array(integer("rows, columns"))),
  AttachStdin: optional(boolean()),
  AttachStdout: optional(boolean()),
  AttachStderr: optional(boolean()),
  DetachKeys: optional(string()),
  Env: optional(array(string())),
  WorkingDir: optional(string()),
  Cmd: optional(array(string())),
});

export const ExecStartRequest = object("ExecStartConfig", {
  Detach: optional(boolean()),
  Tty: optional(boolean()),
  ConsoleSize: optional(array(integer("rows, columns"))),
});

export const IdResponse = object("IDResponse", { Id: string() });

export const ExecInspect = object("ExecInspectResponse", {
  ID: string(),
  Running: boolean(),
  ExitCode: nullable(integer()),
  ProcessConfig: object("ProcessConfig", {
    tty: boolean(),
    entrypoint: string(),
    arguments: array(string()),
    privileged: optional(boolean()),
    user: optional(string()),
  }),
  OpenStdin: boolean(),
  OpenStderr: boolean(),
  OpenStdout: boolean(),
  CanRemove: boolean(),
  ContainerID: string(),
  DetachKeys: string(),
  Pid: integer(),
});
