/** A container's files: archive (docker cp both ways), changes. */

import { FilesystemChanges } from "../../../common/docker/container-control.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { flag, text } from "../../http/query.ts";
import { encodeStat, receiveArchive, sendArchive, statPath } from "../containers/archive.ts";
import { changesOf } from "../containers/changes.ts";
import type { Engine } from "../engine.ts";

const STAT_HEADER = "X-Docker-Container-Path-Stat";

export function containerFileOperations(engine: Engine): Operation[] {
  const find = (id: string) => engine.containers.get(id);
  return [
    operation({
      id: "ContainerArchiveInfo",
      method: "HEAD",
      path: "/containers/{id}/archive",
      summary: "what kind of file a path of the container is",
      query: { path: text() },
      handler: async (x) => {
        const stat = await statPath(engine, find(x.param("id")), x.query.path ?? "", x.signal);
        x.header(STAT_HEADER, encodeStat(stat));
        x.empty(200);
      },
    }),
    operation({
      id: "ContainerArchive",
      method: "GET",
      path: "/containers/{id}/archive",
      summary: "a path of the container as a tar",
      query: { path: text() },
      handler: async (x) => {
        const begin = (stat: Parameters<typeof encodeStat>[0]) => {
          x.header(STAT_HEADER, encodeStat(stat));
          return x.stream(200, "application/x-tar");
        };
        await sendArchive(engine, find(x.param("id")), x.query.path ?? "", begin, x.signal);
      },
    }),
    operation({
      id: "PutContainerArchive",
      method: "PUT",
      path: "/containers/{id}/archive",
      summary: "unpacks a tar into a directory of the container",
      query: {
        path: text(),
        noOverwriteDirNonDir: flag("a directory is not replaced by something else, nor the other way round"),
        copyUIDGID: flag("everything belongs to the container's user"),
      },
      handler: async (x) => {
        const { path = "", noOverwriteDirNonDir, copyUIDGID } = x.query;
        const options = { path, noOverwriteDirNonDir, copyUIDGID, signal: x.signal };
        await receiveArchive(engine, find(x.param("id")), x.request as AsyncIterable<Uint8Array>, options);
        x.empty(200);
      },
    }),
    operation({
      id: "ContainerChanges",
      method: "GET",
      path: "/containers/{id}/changes",
      summary: "what it has changed of its image's files",
      answer: FilesystemChanges,
      handler: async (x) => {
        const changes = await changesOf(engine, find(x.param("id")), x.signal);
        x.json(200, changes.length > 0 ? changes : null);
      },
    }),
  ];
}
