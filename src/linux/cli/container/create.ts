// Creating a container, with the pull of an image that is missing.
import { type ContainerInput, type CreateBody, createBody } from "../../../common/cli/container/config.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { join } from "../../../common/path.ts";
import { familiarReference, parseReference, withDefaultTag } from "../../../common/reference.ts";
import { absolute, close, exists, Fd, O, open, readText, unlinkIfThere, writeAll } from "../../sys/fs.ts";
import type { Cli } from "../cli.ts";
import { withImageHint } from "../hints.ts";
import { pullImage } from "../image/pull.ts";

/** A whole id, which is no name. */
const IMAGE_ID = /^(sha256:)?[0-9a-f]{64}$/;

export interface CreateOptions {
  readonly name: string;
  readonly pull: string;
  readonly platform: string;
  readonly quiet: boolean;
  /** Connections that will be needed next. */
  readonly spare?: number;
  /** Called around a pull, with what ends its display. */
  readonly pulling?: (interrupt: (() => void) | undefined) => void;
}

export interface Created {
  readonly Id: string;
  readonly Warnings?: readonly string[] | null;
}

/** The request's body, with files read and paths made absolute here. */
export function bodyOf(cli: Cli, input: ContainerInput, args: readonly string[]): CreateBody {
  const [image = "", ...command] = args;
  return createBody(input, image, command, {
    env: cli.env,
    readText,
    absolute: (path) => {
      if (path === "~" || path.startsWith("~/")) return join(cli.env.get("HOME") ?? "/", path.slice(1));
      return absolute(path);
    },
  });
}

/** Reserves --cidfile before anything is created; written by `write`, removed when that never came. */
export class IdFile implements Disposable {
  readonly #path: string;
  readonly #fd: Fd | undefined;
  #written = false;

  constructor(path: string) {
    this.#path = path;
    if (path === "") return;
    if (exists(path)) {
      throw new WharfError("AlreadyExists", `the id file ${JSON.stringify(path)} is there already`, {
        hint: "remove it if no container uses it, or choose another --cidfile",
      });
    }
    this.#fd = new Fd(open(path, O.WRONLY | O.CREAT | O.EXCL, 0o644));
  }

  write(id: string): void {
    if (!this.#fd) return;
    writeAll(this.#fd.value, id);
    this.#written = true;
  }

  [Symbol.dispose](): void {
    if (!this.#fd) return;
    close(this.#fd.release());
    if (!this.#written) unlinkIfThere(this.#path);
  }
}

/** True for the daemon's answer that it has no such image (and not for one about a container or a network). */
function imageMissing(error: unknown): boolean {
  return isCode(error, "NotFound") && /image/i.test((error as WharfError).message);
}

export async function createContainer(cli: Cli, body: CreateBody, options: CreateOptions): Promise<Created> {
  const pull = async () => {
    options.pulling?.(() => cli.err("\n"));
    try {
      await pullImage(cli, body.Image, { platform: options.platform, quiet: options.quiet, toStderr: true });
    } catch (error) {
      throw await withImageHint(cli, error, body.Image);
    } finally {
      options.pulling?.(undefined);
    }
  };
  const create = () =>
    cli.api.json<Created>("POST", "/containers/create", {
      query: { name: options.name || undefined, platform: options.platform || undefined },
      json: body,
      doing: "create container",
      ...(options.spare === undefined ? {} : { spare: options.spare }),
    });
  if (!IMAGE_ID.test(body.Image)) parseReference(body.Image);
  if (options.pull === "always") await cli.trace.span("pull", pull);
  let created: Created;
  try {
    created = await cli.trace.span("create", create);
  } catch (error) {
    if (options.pull !== "missing" || !imageMissing(error)) throw error;
    const name = familiarReference(withDefaultTag(parseReference(body.Image)));
    if (!options.quiet) cli.err(`Unable to find image '${name}' locally\n`);
    await cli.trace.span("pull", pull);
    created = await cli.trace.span("create", create);
  }
  for (const warning of created.Warnings ?? []) cli.warn(warning);
  return created;
}
