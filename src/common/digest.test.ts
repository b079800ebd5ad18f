import assert from "node:assert/strict";
import { test } from "node:test";
import { digestAlgorithm, digestHex, isDigest, parseDigest, shortDigest, verifyContent } from "./digest.ts";
import { isCode, type WharfError } from "./errors.ts";

const HEX = "0123456789abcdef".repeat(4);

test("parseDigest() takes sha256, sha384 and sha512 of the right length", () => {
  assert.equal(parseDigest(`sha256:${HEX}`), `sha256:${HEX}`);
  assert.equal(digestAlgorithm(parseDigest(`sha512:${HEX}${HEX}`)), "sha512");
  assert.equal(digestHex(parseDigest(`sha256:${HEX}`)), HEX);
  assert.equal(shortDigest(parseDigest(`sha256:${HEX}`)), "0123456789ab");
  assert.equal(isDigest(`sha384:${HEX}${HEX.slice(32)}`), true);
});

for (const [text, why] of [
  ["", /must look like/],
  ["sha256", /must look like/],
  [":abc", /must look like/],
  [`md5:${HEX}`, /unsupported algorithm "md5"/],
  ["sha256:abcd", /64 hex digits, this has 4/],
  [`sha256:${HEX.toUpperCase()}`, /only the hex digits/],
  [`sha256:${HEX.slice(1)}/`, /only the hex digits/],
  [`sha256:${HEX}0`, /this has 65/],
  [`__proto__:${HEX}`, /malformed/],
  [`constructor:${HEX}`, /unsupported/],
  [`sha256:../../${HEX.slice(6)}`, /only the hex digits/],
] as const) {
  test(`parseDigest() refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
    assert.throws(
      () => parseDigest(text),
      (error) => isCode(error, "InvalidArgument") && why.test((error as WharfError).message),
    );
    assert.equal(isDigest(text), false);
  });
}

test("verifyContent() names expected and actual, size before digest", () => {
  const good = { digest: parseDigest(`sha256:${HEX}`), size: 10 };
  const other = parseDigest(`sha256:${"0".repeat(64)}`);
  verifyContent("layer", good, { ...good });
  verifyContent("layer", { digest: good.digest }, good);
  assert.throws(() => verifyContent("layer", good, { digest: other, size: 9 }), {
    code: "DataLoss",
    message: "size mismatch: expected 10 bytes, got 9",
  });
  assert.throws(() => verifyContent("layer", good, { digest: other, size: 10 }), {
    code: "DataLoss",
    message: `digest mismatch: expected ${good.digest}, got ${other}`,
  });
});
