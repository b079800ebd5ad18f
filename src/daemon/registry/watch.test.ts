import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpResponse } from "./message.ts";
import { watched } from "./watch.ts";

async function dumped(url: string, headers: HttpResponse["headers"], body: string): Promise<string[]> {
  const told: string[] = [];
  const bytes = async () => Buffer.from(body);
  const response = { url: new URL(url), status: 200, headers, bytes } as unknown as HttpResponse;
  const requester = watched({ request: async () => response }, { dump: (text) => told.push(text) });
  await (await requester.request({ method: "GET", url: new URL(url) })).text(1000);
  return told;
}

test("watched() shows no signature of an address, asked for or redirected to", async () => {
  const query = "X-Amz-Date=2026&X-Amz-Security-Token=s1&X-Amz-Signature=s2&sig=s3&verify=s4&part=1";
  const told = await dumped(`https://cdn.example/a?${query}`, { location: `https://cdn.example/b?token=s5&n=1` }, "");
  const text = told.join("");
  assert.doesNotMatch(text, /s[1-5]/);
  for (const shown of ["X-Amz-Date=2026&", "&part=1 ", "https://cdn.example/b?token=[not shown]&n=1"])
    assert.ok(text.includes(shown), text);
});

test("watched() shows a token server's answer without its tokens", async () => {
  const body = '{"token":"s1","access_token": "s2", "refresh_token":"s3","expires_in":300,"token_type":"bearer"}';
  const [, , shown] = await dumped("https://auth.example/token", { "content-type": "application/json" }, body);
  assert.equal(
    shown,
    '{"token":"[not shown]","access_token": "[not shown]", "refresh_token":"[not shown]","expires_in":300,"token_type":"bearer"}\r\n',
  );
});
