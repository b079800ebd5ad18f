// Changes of a container wait for each other; execs that are being started do not.
import { loop } from "../sys/loop.ts";
import { equal, test } from "../testing.ts";
import { Order } from "./order.ts";

/** Work that says when it begins, and goes on until it is let. */
function works() {
  const said: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => () => {
    said.push(name);
    return new Promise<string>((resolve, reject) => {
      ends.set(name, () => (name.startsWith("bad") ? reject(new Error(name)) : resolve(name)));
    });
  };
  const end = async (name: string) => {
    ends.get(name)!();
    await loop().sleep(1);
    return said.join(" ");
  };
  return { work, end };
}

test("Order: starts go on beside each other, and a change waits for all before it", () =>
  loop().run(
    (async () => {
      const order = new Order();
      const { work, end } = works();
      void order.serial(work("create"));
      void order.beside(work("a"));
      void order.beside(work("b"));
      void order.serial(work("pause"));
      void order.beside(work("c"));
      await loop().sleep(1);
      equal(await end("create"), "create a b");
      equal(await end("b"), "create a b");
      equal(await end("a"), "create a b pause");
      equal(await end("pause"), "create a b pause c");
      await end("c");
    })(),
  ));

test("Order: what fails is its caller's, and holds nothing up", () =>
  loop().run(
    (async () => {
      const order = new Order();
      const { work, end } = works();
      const failed = [order.serial(work("bad")), order.beside(work("bad2"))].map((one) =>
        one.catch((error: Error) => error.message),
      );
      const after = order.serial(work("after"));
      await loop().sleep(1);
      equal(await end("bad"), "bad bad2");
      equal(await end("bad2"), "bad bad2 after");
      equal(await Promise.all(failed), ["bad", "bad2"]);
      await end("after");
      equal(await after, "after");
    })(),
  ));
