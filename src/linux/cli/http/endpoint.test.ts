import { parseIp } from "../../../common/ip.ts";
import { equal, test, throws } from "../../testing.ts";
import { encodeQuery } from "./api.ts";
import { formatEndpoint, parseEndpoint } from "./endpoint.ts";

test("parseEndpoint() reads sockets and addresses", () => {
  const round = (text: string) => formatEndpoint(parseEndpoint(text));
  equal(round("unix:///run/wharf/docker.sock"), "unix:///run/wharf/docker.sock");
  equal(round("/run/docker.sock"), "unix:///run/docker.sock");
  equal(round("tcp://127.0.0.1:2375"), "tcp://127.0.0.1:2375");
  equal(round("tcp://host"), "tcp://host:2375");
  equal(round("tcp://[::1]:99/"), "tcp://[::1]:99");
  for (const [text, why] of [
    ["", /scheme is missing/],
    ["unix://x", /must be absolute/],
    ["tcp://", /is not tcp/],
    ["tcp://a:b", /is not tcp/],
    ["tcp://a:0", /is no port/],
    ["npipe:////./pipe", /unknown scheme/],
  ] as const) {
    throws(() => parseEndpoint(text), why);
  }
});

test("parseIp() reads addresses and nothing else", () => {
  equal([...parseIp("10.0.0.255")!], [10, 0, 0, 255]);
  equal([...parseIp("::1")!], [...new Array(15).fill(0), 1]);
  equal([...parseIp("2001:db8::ff00:42:8329")!], [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29]);
  equal([...parseIp("::ffff:1.2.3.4")!].slice(10), [255, 255, 1, 2, 3, 4]);
  equal([...parseIp("1:2:3:4:5:6:7:8")!].length, 16);
  for (const bad of [
    "",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.4.5",
    "a.b.c.d",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "12345::",
    "::g",
  ]) {
    equal(parseIp(bad), undefined, bad);
  }
});

test("encodeQuery() leaves out what is not given", () => {
  equal(
    encodeQuery({ a: undefined, b: false, c: true, d: "x y&z", e: ["1", "2"], f: 0 }),
    "?c=1&d=x%20y%26z&e=1&e=2&f=0",
  );
  equal(encodeQuery({}), "");
  equal(encodeQuery(undefined), "");
});
