import assert from "node:assert/strict";
import { test } from "node:test";
import { freeSubnet, isFree, parseRoutes, routeOf } from "./routes.ts";

test("networks that routes lead to are not free, nor what lies around them or in them", () => {
  const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
  const line = (to: string, mask: string) => `eth0\t${to}\t00000000\t0001\t0\t0\t0\t${mask}\t0\t0\t0`;
  const routes = parseRoutes(
    `${[head, line("00000000", "00000000"), line("000011AC", "0000FFFF"), line("0000120A", "000000FF"), line("050013AC", "FFFFFFFF")].join("\n")}\n`,
  );
  assert.equal(routes.length, 3, "without the default route");
  assert.equal(isFree("172.17.0.0/16", routes), false, "the same");
  assert.equal(isFree("172.17.5.0/24", routes), false, "a part of it");
  assert.equal(isFree("172.18.0.0/16", routes), true);
  assert.equal(isFree("172.19.0.0/16", routes), false, "around one host");
  assert.equal(isFree("10.200.0.0/16", routes), false, "in a wider one");
});

test("freeSubnet() takes the first that is free", () => {
  assert.deepEqual(freeSubnet([]), { subnet: "172.17.0.0/16", gateway: "172.17.0.1" });
  assert.equal(freeSubnet(["172.17.9.0/24", "172.18.0.0/16"].map(routeOf)).subnet, "172.19.0.0/16");
  assert.throws(() => freeSubnet(["172.0.0.0/8", "10.0.0.0/8"].map(routeOf)), { code: "ResourceExhausted" });
});
