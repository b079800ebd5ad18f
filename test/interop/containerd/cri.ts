// A pod by CRI, as kubelet asks for one: run inside the peers root by cri-binary.sh. Arguments: containerd's socket, a cgroup. Prints steps
// as scripts do. Messages are made by hand from the field numbers of runtime.v1, which is all that is needed of it.
import { connect } from "node:http2";
import { createConnection } from "node:net";

const [, , socket = "", group = ""] = process.argv;
type Fields = readonly (readonly [field: number, value: string | number | Buffer])[];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) return Buffer.from(bytes);
  }
}

function message(fields: Fields): Buffer {
  return Buffer.concat(
    fields.flatMap(([field, value]) => {
      if (typeof value === "number") return [varint(field << 3), varint(value)];
      const bytes = Buffer.from(value as string);
      return [varint((field << 3) | 2), varint(bytes.length), bytes];
    }),
  );
}

/** Fields in their order; lengths and numbers below 2^31. */
function fieldsOf(bytes: Buffer): [field: number, value: Buffer | number][] {
  const found: [number, Buffer | number][] = [];
  let at = 0;
  const next = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = next();
    const value = next();
    if ((key & 7) === 0) found.push([key >>> 3, value]);
    else {
      found.push([key >>> 3, bytes.subarray(at, at + value)]);
      at += value;
    }
  }
  return found;
}

const session = connect("http://localhost", { createConnection: () => createConnection(socket) });

/** The answer's fields. */
function call(method: string, fields: Fields): Promise<ReturnType<typeof fieldsOf>> {
  const request = session.request({
    ":method": "POST",
    ":path": `/runtime.v1.RuntimeService/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const body = message(fields);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const check = (headers: { [name: string]: unknown }) => {
      if ("grpc-status" in headers && headers["grpc-status"] !== "0")
        reject(new Error(`${method}: ${decodeURIComponent(String(headers["grpc-message"]))}`));
    };
    request.on("response", check).on("trailers", check).on("error", reject);
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => resolve(fieldsOf(Buffer.concat(chunks).subarray(5))));
    request.end(Buffer.concat([head, body]));
  });
}

async function step(name: string, work: () => Promise<string>): Promise<void> {
  try {
    console.log(`== ${name}\n${await work()}\nrc 0`);
  } catch (error) {
    console.log(`== ${name}\n${(error as Error).message}\nrc 1`);
  }
}

/** NamespaceMode of CRI. */
const NODE = 2;
// the host's network, so that no plugin is asked for one
const namespaces = message([[1, message([[1, NODE]])]]);
const sandbox = message([
  [
    1,
    message([
      [1, "pod"],
      [2, "uid"],
      [3, "default"],
    ]),
  ],
  [
    8,
    message([
      [1, group],
      [2, namespaces],
    ]),
  ],
]);
/** Of an answer that is one id. */
const idOf = (answer: ReturnType<typeof fieldsOf>) => String(answer[0]?.[1]);

async function exec(container: string, ...command: string[]): Promise<string> {
  const answer = await call("ExecSync", [[1, container], ...command.map((word) => [2, word] as const)]);
  const fields = new Map(answer);
  return `${fields.get(1) ?? ""}${fields.get(2) ?? ""}exit ${fields.get(3) ?? 0}`;
}

/** The life of a pod of the handler. */
async function podOf(handler: string): Promise<void> {
  let pod = "";
  let container = "";
  const during = (what: string, work: () => Promise<string>) => step(`${handler}-${what}`, work);
  await during("pod", async () => {
    pod = idOf(
      await call("RunPodSandbox", [
        [1, sandbox],
        [2, handler],
      ]),
    );
    return pod;
  });
  await during("create", async () => {
    const config = message([
      [1, message([[1, "box"]])],
      [2, message([[1, "localhost/busybox:latest"]])],
      ...["sleep", "1000"].map((word) => [3, word] as const),
      [15, message([[2, message([[3, message([[1, NODE]])]])]])],
    ]);
    container = idOf(
      await call("CreateContainer", [
        [1, pod],
        [2, config],
        [3, sandbox],
      ]),
    );
    return container;
  });
  await during("start", async () => String((await call("StartContainer", [[1, container]])).length));
  await during("exec", () => exec(container, "sh", "-c", "id -u; echo err >&2; exit 5"));
  await during("missing", () => exec(container, "nosuch"));
  await during("stop", async () => String((await call("StopPodSandbox", [[1, pod]])).length));
  await during("remove", async () => String((await call("RemovePodSandbox", [[1, pod]])).length));
}

/** What containerd tells kubelet of its handlers' features: read-only mounts with all below them, user namespaces. */
async function handlers(): Promise<string> {
  const answer = await call("Status", []);
  const lines = answer.flatMap(([field, value]) => {
    if (field !== 3) return [];
    const handler = new Map(fieldsOf(value as Buffer));
    const features = new Map(fieldsOf((handler.get(2) as Buffer | undefined) ?? Buffer.alloc(0)));
    return [`${handler.get(1) ?? "(default)"} ${features.get(1) ?? 0} ${features.get(2) ?? 0}`];
  });
  return lines.sort().join("\n");
}

await step("handlers", handlers);
await podOf("runt");
await podOf("shim");
session.close();
