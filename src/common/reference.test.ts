import assert from "node:assert/strict";
import { test } from "node:test";
import { isCode, type WharfError } from "./errors.ts";
import {
  familiarReference,
  formatReference,
  parseReference,
  referenceObject,
  tryParseReference,
  withDefaultTag,
} from "./reference.ts";

const HEX = "a".repeat(64);

// given, full, familiar: the cases of distribution/reference's own tests among them.
for (const [given, full, familiar] of [
  ["busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
  ["library/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["index.docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["grafana/grafana", "docker.io/grafana/grafana:latest", "grafana/grafana:latest"],
  ["docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
  ["localhost/x", "localhost/x:latest", "localhost/x:latest"],
  ["localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x:latest"],
  ["localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"],
  ["[::1]:5000/x/y:z", "[::1]:5000/x/y:z", "[::1]:5000/x/y:z"],
  ["[2001:db8::1]/x", "[2001:db8::1]/x:latest", "[2001:db8::1]/x:latest"],
  ["LOCALHOST/x", "LOCALHOST/x:latest", "LOCALHOST/x:latest"],
  [
    "registry.example.com/a/b/c:V1.0-rc_2",
    "registry.example.com/a/b/c:V1.0-rc_2",
    "registry.example.com/a/b/c:V1.0-rc_2",
  ],
  [`busybox@sha256:${HEX}`, `docker.io/library/busybox@sha256:${HEX}`, `busybox@sha256:${HEX}`],
  [`busybox:1@sha256:${HEX}`, `docker.io/library/busybox:1@sha256:${HEX}`, `busybox:1@sha256:${HEX}`],
  ["a__b/c---d.e_f", "docker.io/a__b/c---d.e_f:latest", "a__b/c---d.e_f:latest"],
  ["xn--n3h.com/myimage", "xn--n3h.com/myimage:latest", "xn--n3h.com/myimage:latest"],
  ["docker.io:443/x", "docker.io:443/x:latest", "docker.io:443/x:latest"],
] as const) {
  test(`parseReference() reads ${given}`, () => {
    const reference = withDefaultTag(parseReference(given));
    assert.equal(formatReference(reference), full);
    assert.equal(familiarReference(reference), familiar);
    assert.deepEqual(parseReference(full), reference);
    assert.deepEqual(parseReference(familiar), reference);
  });
}

for (const [given, why] of [
  ["", /empty/],
  ["Busybox", /must be lower case/],
  ["docker.io/Foo/bar", /must be lower case/],
  ["busybox:", /the tag is empty/],
  ["busybox:a/b:", /the tag is empty/],
  ["busybox:-x", /"-x" is no tag/],
  [`busybox:${"t".repeat(129)}`, /is no tag/],
  ["https://docker.io/busybox", /starts with https:/],
  [":tag", /name is missing/],
  ["localhost:5000/", /name is missing/],
  ["a//b", /is empty/],
  ["/b", /is empty/],
  ["a/b/", /is empty/],
  ["a_-b", /no repository name/],
  ["-foo/bar", /no repository name/],
  ["foo_/bar", /no repository name/],
  ["foo-.example/../bar", /no registry host/],
  ["example.com/../etc", /no repository name/],
  ["busy box", /no repository name/],
  [`example.com/${"a".repeat(256)}`, /256 characters, 255 are allowed/],
  ["busybox@sha256:abc", /has 64 hex digits/],
  ["busybox@", /must look like/],
  [`busybox@sha256:${HEX}@sha256:${HEX}`, /invalid digest/],
  [HEX, /image id/],
  ["host:port/x", /no registry host/],
  ["busybox\n", /no repository name/],
  ["bücher", /no repository name/],
] as const) {
  test(`parseReference() refuses ${JSON.stringify(given.slice(0, 50))}`, () => {
    assert.throws(
      () => parseReference(given),
      (error) => isCode(error, "InvalidArgument") && why.test((error as WharfError).message),
    );
    assert.equal(tryParseReference(given), undefined);
  });
}

test("parseReference() says what was probably meant", () => {
  assert.throws(() => parseReference("Foo/Bar:Tag"), { hint: "did you mean foo/bar:Tag?" });
  assert.throws(() => parseReference("https://quay.io/a"), { hint: "leave the scheme out: quay.io/a" });
});

test("referenceObject() prefers the digest", () => {
  assert.equal(referenceObject(parseReference(`busybox:1@sha256:${HEX}`)), `sha256:${HEX}`);
  assert.equal(referenceObject(parseReference("busybox:1")), "1");
  assert.equal(referenceObject(parseReference("busybox")), "latest");
});
