/** A token server for docker-registry: signs what its users may do (distribution, "token authentication"). */

import { createSign, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";
import { run } from "./support.ts";

export interface TokenServer extends AsyncDisposable {
  realm: string;
  service: string;
  issuer: string;
  certificate: string;
  /** Every request, as "GET scope scope" or "POST grant scope", and who asked. */
  seen: { request: string; user: string | undefined }[];
  /** Seconds a token lasts. */
  lifetime: number;
  /** Answers the next requests with these statuses first. */
  failures: { status: number; headers?: Record<string, string> }[];
}

/** Users by name with their password. Nobody in particular may pull from repositories that begin with "public/". */
const USERS: Record<string, string> = { user: "secret" };
const REFRESH_TOKEN = "refresh-me";

/** Starts a token server; `directory` takes its key and certificate. */
export async function startTokenServer(directory: string): Promise<TokenServer> {
  const key = join(directory, "token.key");
  const certificate = join(directory, "token.crt");
  await run("openssl", [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=token",
    "-keyout",
    key,
    "-out",
    certificate,
  ]);
  const [privateKey, pem] = await Promise.all([readFile(key, "utf8"), readFile(certificate, "utf8")]);
  const x5c = [pem.replace(/-----[A-Z ]+-----|\s/g, "")];
  const state = { seen: [] as TokenServer["seen"], lifetime: 300, failures: [] as TokenServer["failures"] };

  const sign = (subject: string, access: object[]): string => {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: "issuer",
      sub: subject,
      aud: "registry",
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const payload = `${encode({ typ: "JWT", alg: "RS256", x5c })}.${encode(claims)}`;
    return `${payload}.${createSign("RSA-SHA256").update(payload).sign(privateKey, "base64url")}`;
  };

  const server: Server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    const form = new URLSearchParams(request.method === "POST" ? await text(request) : "");
    const scopes = request.method === "POST" ? (form.get("scope") ?? "").split(" ") : url.searchParams.getAll("scope");
    const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    let user: string | undefined;
    let refused = false;
    if (form.get("grant_type") === "refresh_token") {
      refused = form.get("refresh_token") !== REFRESH_TOKEN;
      user = refused ? undefined : "user";
    } else if (basic !== undefined) {
      const [name = "", password = ""] = Buffer.from(basic, "base64").toString().split(":");
      refused = USERS[name] !== password;
      user = name;
    }
    state.seen.push({ request: [request.method, form.get("grant_type"), ...scopes].filter(Boolean).join(" "), user });
    const failure = state.failures.shift();
    if (failure) return void response.writeHead(failure.status, failure.headers).end("{}");
    if (refused)
      return void response
        .writeHead(401)
        .end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "wrong user or password" }] }));
    const access = scopes.filter(Boolean).map((scope) => {
      const [type, name, actions = ""] = scope.split(":");
      const may = user !== undefined ? actions.split(",") : name?.startsWith("public/") ? ["pull"] : [];
      return { type, name, actions: actions.split(",").filter((action) => may.includes(action)) };
    });
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token: sign(user ?? "", access), expires_in: state.lifetime }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address && typeof address === "object" ? address.port : 0;
  return Object.assign(state, {
    realm: `http://127.0.0.1:${port}/token`,
    service: "registry",
    issuer: "issuer",
    certificate,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function text(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}
