// ctr content fetch-object, fetch-blob, push-object: single objects of a registry, without an image of them.
import { string } from "../../../common/cli/flags.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { isIndexType, isManifestType, MANIFEST_TYPES } from "../../../common/oci/media-types.ts";
import { Sha256 } from "../../sys/hash.ts";
import { type Ctr, command, need, usage } from "../ctr.ts";
import { REGISTRY } from "../flags.ts";
import { readBlob } from "../image.ts";
import { RegistryClient } from "../registry-client.ts";

const DIGEST = /^sha256:[0-9a-f]{64}$/;

function digestOf(text: string): string {
  if (!DIGEST.test(text)) throw usage(`${JSON.stringify(text)} is no digest`);
  return text;
}

/** Writes a body to stdout as it comes; what it turns out to be is told at its end. */
async function toStdout(ctr: Ctr, answer: Awaited<ReturnType<RegistryClient["ask"]>>, digest?: string): Promise<void> {
  const hash = new Sha256();
  await answer.each((piece) => {
    hash.update(piece, piece.length);
    ctr.out(piece.slice());
  });
  const found = hash.digest();
  if (digest !== undefined && found !== digest) {
    throw new WharfError("DataLoss", `the registry gave ${found} for ${digest}`);
  }
}

export const fetchObject = command({
  name: "fetch-object",
  summary: "Write what a name stands for in a registry to stdout",
  usage: "IMAGE",
  flags: REGISTRY,
  run: async (ctr, { flags, args }) => {
    const client = new RegistryClient(ctr, need(args, 0, "an image"), flags);
    const { tag, digest } = client.reference;
    if (!tag && !digest) throw usage(`${JSON.stringify(args[0])} has neither a tag nor a digest`);
    const headers = { Accept: [...MANIFEST_TYPES, "*/*"].join(", ") };
    await toStdout(ctr, await client.ask(`manifests/${digest ?? tag}`, [200], { headers }), digest);
    return 0;
  },
});

export const fetchBlob = command({
  name: "fetch-blob",
  summary: "Write blobs of a registry to stdout",
  usage: "REPOSITORY DIGEST [DIGEST...]",
  flags: { ...REGISTRY, "media-type": string("What is asked for; manifests are found by it") },
  run: async (ctr, { flags, args }) => {
    const client = new RegistryClient(ctr, need(args, 0, "a repository"), flags);
    need(args, 1, "a digest");
    for (const text of args.slice(1)) {
      const digest = digestOf(text);
      const type = flags["media-type"];
      const headers = { Accept: type ? `${type}, */*` : "*/*" };
      const manifest = () => client.ask(`manifests/${digest}`, [200], { headers });
      const isManifest = isManifestType(type) || isIndexType(type);
      const blob = async () => {
        try {
          return await client.ask(`blobs/${digest}`, [200], { headers });
        } catch (error) {
          if (!isCode(error, "NotFound")) throw error;
          // it may be a manifest's digest
          return await manifest();
        }
      };
      await toStdout(ctr, await (isManifest ? manifest() : blob()), digest);
    }
    return 0;
  },
});

export const pushObject = command({
  name: "push-object",
  summary: "Push a blob of the store to a registry",
  usage: "REPOSITORY DIGEST MEDIA-TYPE",
  flags: REGISTRY,
  run: async (ctr, { flags, args }) => {
    const client = new RegistryClient(ctr, need(args, 0, "where to push to"), flags);
    const digest = digestOf(need(args, 1, "a digest"));
    const type = need(args, 2, "a media type");
    const body = await readBlob(ctr, digest);
    if (isManifestType(type) || isIndexType(type)) {
      const headers = { "Content-Type": type };
      const name = client.reference.tag ?? digest;
      (await client.ask(`manifests/${name}`, [201], { method: "PUT", headers, body }))[Symbol.dispose]();
    } else await upload(client, digest, body);
    ctr.line(`Pushed ${digest} ${type}`);
    return 0;
  },
});

/** Unless the repository has it already. */
async function upload(client: RegistryClient, digest: string, body: Uint8Array): Promise<void> {
  using there = await client.ask(`blobs/${digest}`, [200, 404], { method: "HEAD" });
  if (there.head.status === 200) return;
  using begun = await client.ask("blobs/uploads/", [202], { method: "POST", body: new Uint8Array(0) });
  const location = begun.head.headers.get("location");
  if (!location) throw new WharfError("Unknown", "the registry says not where to upload to");
  const place = `${client.absolute(location)}${location.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
  const headers = { "Content-Type": "application/octet-stream" };
  (await client.ask(place, [201], { method: "PUT", headers, body }))[Symbol.dispose]();
}
