/** ContainerStore over gRPC. */

import type {
  ContainersService,
  Container as WireContainer,
} from "../../../common/gen/containerd/services/containers.ts";
import type { Container, ContainerInput, ContainerStore } from "../../containerd/api/containers.ts";
import type { FieldPaths, Filters } from "../../containerd/api/types.ts";
import { fromTime, required } from "../convert.ts";
import { type ClientFor, mask } from "./call.ts";

export class RemoteContainers implements ContainerStore {
  readonly #client: ClientFor<typeof ContainersService>;

  constructor(client: ClientFor<typeof ContainersService>) {
    this.#client = client;
  }

  async get(id: string): Promise<Container> {
    return readContainer((await this.#client.get({ id })).container);
  }

  async list(filters: Filters = []): Promise<Container[]> {
    return (await this.#client.list({ filters })).containers.map(readContainer);
  }

  async *pages(filters?: Filters): AsyncGenerator<Container[]> {
    yield await this.list(filters);
  }

  async create(container: ContainerInput): Promise<Container> {
    return readContainer((await this.#client.create({ container })).container);
  }

  async update(container: ContainerInput, paths?: FieldPaths): Promise<Container> {
    return readContainer((await this.#client.update({ container, updateMask: mask(paths) })).container);
  }

  async delete(id: string): Promise<void> {
    await this.#client.delete({ id });
  }
}

function readContainer(container: WireContainer | undefined): Container {
  const { createdAt, updatedAt, runtime, ...rest } = required(container, "container");
  return {
    ...rest,
    runtime: runtime ?? { name: "" },
    createdAt: fromTime(createdAt),
    updatedAt: fromTime(updatedAt),
  };
}
