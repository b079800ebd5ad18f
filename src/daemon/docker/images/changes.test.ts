import assert from "node:assert/strict";
import { test } from "node:test";
import { applyChanges } from "./changes.ts";

test("each instruction sets its field, later ones win", () => {
  const made = applyChanges({ Env: ["A=1", "B=2"], WorkingDir: "/srv" }, [
    'CMD ["a", "b"]',
    "entrypoint run this",
    'ENV A=3 "C=d e" F=g\\ h',
    "ENV OLD the value",
    'LABEL x="1 2" y=3',
    "EXPOSE 80 53/udp",
    'VOLUME ["/a", "/b"]\nVOLUME /c',
    "WORKDIR sub",
    "USER me:us",
    "STOPSIGNAL SIGINT",
    "ONBUILD RUN x",
    "# nothing",
    "",
  ]);
  assert.deepEqual(made, {
    Env: ["B=2", "A=3", "C=d e", "F=g h", "OLD=the value"],
    WorkingDir: "/srv/sub",
    Cmd: ["a", "b"],
    Entrypoint: ["/bin/sh", "-c", "run this"],
    Labels: { x: "1 2", y: "3" },
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Volumes: { "/a": {}, "/b": {}, "/c": {} },
    User: "me:us",
    StopSignal: "SIGINT",
    OnBuild: ["RUN x"],
  });
  assert.equal(applyChanges({ Cmd: ["x"] }, ["CMD"]).Cmd, null);
});

test("what only a build can do is refused, and what is broken", () => {
  for (const line of ["FROM x", "RUN y", "ENV A", "LABEL =v", "EXPOSE http", 'ENV A="b', "USER"])
    assert.throws(() => applyChanges({}, [line]), /^WharfError: change /, line);
});
