// grpc-js, the gRPC library of Node.js programs, on a containerd socket, with the messages as proto/ has them.
import { join } from "node:path";
import {
  type Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ROOT } from "../../../tools/lib/native.ts";

const SERVICES = ["version", "namespaces", "content", "containers", "events"] as const;
export type ServiceName = (typeof SERVICES)[number];

const definition = loadSync(
  SERVICES.map((name) => `containerd/services/${name}.proto`),
  { includeDirs: [join(ROOT, "proto")], keepCase: true, defaults: true, longs: Number },
);
const types = loadPackageDefinition(definition) as unknown as {
  containerd: { services: Record<string, Record<"v1", Record<string, ServiceClientConstructor>>> };
};

/** A client of one service. It is the caller's to close. */
export function serviceClient(socket: string, name: ServiceName): Client {
  const Service = types.containerd.services[name]!.v1[name[0]!.toUpperCase() + name.slice(1)]!;
  return new Service(`unix://${socket}`, credentials.createInsecure());
}

export function inNamespace(name: string): Metadata {
  const metadata = new Metadata();
  metadata.set("containerd-namespace", name);
  return metadata;
}
