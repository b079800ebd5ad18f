import assert from "node:assert/strict";
import { test } from "node:test";
import { addressPools, type PoolFlags } from "./ipam.ts";

const pools = (flags: Partial<PoolFlags>) =>
  addressPools({ subnets: [], ranges: [], gateways: [], auxiliary: {}, ...flags });

test("addressPools() gives each address to the subnet it lies in", () => {
  assert.deepEqual(
    pools({
      subnets: ["10.9.0.0/24", "fd00:1::/64"],
      ranges: ["10.9.0.128/25"],
      gateways: ["fd00:1::1", "10.9.0.1"],
      auxiliary: { router: "10.9.0.7", six: "fd00:1::7" },
    }),
    [
      {
        Subnet: "10.9.0.0/24",
        IPRange: "10.9.0.128/25",
        Gateway: "10.9.0.1",
        AuxiliaryAddresses: { router: "10.9.0.7" },
      },
      { Subnet: "fd00:1::/64", Gateway: "fd00:1::1", AuxiliaryAddresses: { six: "fd00:1::7" } },
    ],
  );
  assert.deepEqual(pools({}), []);
});

test("addressPools() refuses what fits nowhere, or twice", () => {
  const subnets = ["10.9.0.0/24"];
  assert.throws(() => pools({ gateways: ["10.9.0.1"] }), /must have a corresponding --subnet/);
  assert.throws(() => pools({ subnets, gateways: ["10.8.0.1"] }), /no matching subnet for gateway 10.8.0.1/);
  assert.throws(
    () => pools({ subnets: [...subnets, "10.8.0.0/24"], gateways: ["10.9.0.1", "10.9.0.2"] }),
    /multiple gateways/,
  );
  assert.throws(
    () => pools({ subnets: [...subnets, "10.8.0.0/24"], ranges: ["10.9.0.0/25", "10.9.0.128/25"] }),
    /multiple ranges/,
  );
  assert.throws(() => pools({ subnets, auxiliary: { x: "nonsense" } }), /invalid address "nonsense"/);
  assert.throws(() => pools({ subnets: ["nonsense"], gateways: ["10.9.0.1"] }), /invalid subnet "nonsense"/);
  for (const bad of ["1::2::3", "10.9.0.256", ":1:", "12345::"])
    assert.throws(() => pools({ subnets, gateways: [bad] }), /invalid address/, bad);
});
