import { equal, test, throws } from "../../testing.ts";
import { formatEndpoint, parseEndpoint } from "./endpoint.ts";
import { type SshTarget, sshArguments } from "./ssh.ts";

test("ssh:// with user, port and the socket's path", () => {
  const all = "ssh://me@far.example:2222/run/x.sock";
  equal(parseEndpoint(all), { kind: "ssh", user: "me", host: "far.example", port: "2222", path: "/run/x.sock" });
  equal(formatEndpoint(parseEndpoint(all)), all);
  equal(formatEndpoint(parseEndpoint("ssh://far")), "ssh://far");
  equal(formatEndpoint(parseEndpoint("ssh://me@[fe80::1]:22")), "ssh://me@[fe80::1]:22");
});

test("nothing in an address becomes an option of ssh or a word of the far shell", () => {
  for (const text of ["ssh://-oProxyCommand=x", "ssh://-x@far", "ssh://", "ssh://a b", "ssh://me@far:x"])
    throws(() => parseEndpoint(text), /^host .*: it is not ssh|a user/);
  const target = parseEndpoint("ssh://me@far/run/it's;x") as SshTarget;
  equal(sshArguments(target).slice(-5), ["docker", "--host", "'unix:///run/it'\\''s;x'", "system", "dial-stdio"]);
});

test("tcp with TLS has another port unless one is given", () => {
  const tls = { verify: true };
  equal(parseEndpoint("tcp://far", tls), { kind: "tcp", host: "far", port: 2376, tls });
  equal(parseEndpoint("https://far:1"), { kind: "tcp", host: "far", port: 1, tls });
  equal(parseEndpoint("tcp://far"), { kind: "tcp", host: "far", port: 2375 });
});
