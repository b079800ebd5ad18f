/** Images and registries: push, what a registry has under a name, whether it takes credentials. */

import { AuthConfig, AuthResponse, DistributionInspect } from "../../../common/docker/image-store.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Descriptor, MAX_CONFIG } from "../../../common/oci/image.ts";
import { parseReference, withDefaultTag } from "../../../common/reference.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { text } from "../../http/query.ts";
import type { Repository } from "../../registry/client.ts";
import { type Credentials, decodeRegistryAuth } from "../../registry/credentials.ts";
import { sha256 } from "../../registry/sha256.ts";
import type { Engine } from "../engine.ts";
import { imagesToPush, pushImages } from "../images/push.ts";
import { platformOf } from "./images.ts";
import { tellProgress } from "./progress.ts";

export function imageRegistryOperations(engine: Engine): Operation[] {
  return [
    operation({
      id: "ImagePush",
      method: "POST",
      path: "/images/{name*}/push",
      summary: "sends an image to the registry that its name says, telling its progress as JSON lines",
      query: { tag: text("all tags without it"), platform: text("JSON platform") },
      handler: async (x) => {
        const { tag, platform } = x.query;
        const request = {
          name: x.param("name"),
          tag,
          platform: platform ? platformOf(platform) : undefined,
          auth: authOf(x.request.headers),
        };
        const images = await imagesToPush(engine, request);
        await tellProgress(x, async (tell) => await pushImages(engine, images, request, tell, x.signal));
      },
    }),
    operation({
      id: "DistributionInspect",
      method: "GET",
      path: "/distribution/{name*}/json",
      summary: "what a registry has under a name",
      answer: DistributionInspect,
      handler: async (x) => {
        const reference = withDefaultTag(parseReference(x.param("name")));
        const auth = authOf(x.request.headers);
        const { registry } = await engine.registries();
        const repository = registry.repository(reference, auth ? decodeRegistryAuth(auth) : undefined);
        const { descriptor, document } = await repository.manifest(undefined, { signal: x.signal });
        let platforms: unknown[];
        if (document.kind === "index") {
          platforms = document.index.manifests.map((one) => one.platform).filter((one) => one !== undefined);
        } else {
          const config = await readConfig(repository, document.manifest.config, x.signal);
          const { architecture, os, variant } = JSON.parse(config) as Record<string, string>;
          platforms = os && architecture ? [{ architecture, os, ...(variant ? { variant } : {}) }] : [];
        }
        x.json(200, { Descriptor: descriptor, Platforms: platforms });
      },
    }),
    operation({
      id: "SystemAuth",
      method: "POST",
      path: "/auth",
      summary: "asks a registry whether it takes the credentials",
      body: AuthConfig,
      answer: AuthResponse,
      handler: async (x) => {
        const { username, password, identitytoken, registrytoken, serveraddress } = x.body;
        const domain = domainOf(serveraddress ?? "");
        const credentials: Credentials = {
          ...(username ? { username } : {}),
          ...(password ? { password } : {}),
          ...(identitytoken ? { identityToken: identitytoken } : {}),
          ...(registrytoken ? { registryToken: registrytoken } : {}),
        };
        const { registry } = await engine.registries();
        await registry.login(domain, credentials, x.signal);
        x.json(200, { Status: "Login Succeeded", IdentityToken: "" });
      },
    }),
  ];
}

/** `https://index.docker.io/v1/` is docker.io; other addresses are hosts, with a scheme or without. */
function domainOf(address: string): string {
  const host = address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return host === "" || host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}

function authOf(headers: NodeJS.Dict<string | string[]>): string | undefined {
  const header = headers["x-registry-auth"];
  return typeof header === "string" ? header : undefined;
}

async function readConfig(repository: Repository, descriptor: Descriptor, signal: AbortSignal): Promise<string> {
  if (descriptor.size > MAX_CONFIG)
    throw new WharfError("ResourceExhausted", `the image config has ${descriptor.size} bytes`);
  const sink = {
    offset: 0,
    bytes: Buffer.alloc(descriptor.size),
    write(chunk: Uint8Array): void {
      this.bytes.set(chunk, this.offset);
      this.offset += chunk.length;
    },
  };
  await repository.blob(descriptor, sink, { signal });
  if (sha256(sink.bytes) !== descriptor.digest)
    throw new WharfError("DataLoss", "the registry sent another image config than it promised");
  return sink.bytes.toString("utf8");
}
