import assert from "node:assert/strict";
import { test } from "node:test";
import { isCode } from "../../common/errors.ts";
import { Flights, Growth, Limiter } from "./flights.ts";

const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("ended"))));
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test("Flights.run() does what several want once, and tells late listeners the latest", async () => {
  const flights = new Flights();
  const gate = Promise.withResolvers<void>();
  let starts = 0;
  const work = async (_: AbortSignal, emit: (event: number) => void) => {
    starts++;
    emit(1);
    await gate.promise;
    emit(2);
    return "done";
  };
  const [a, b]: number[][] = [[], []];
  const first = flights.run("x", work, { listen: (event) => void a!.push(event) });
  await soon();
  const second = flights.run("x", work, { listen: (event) => void b!.push(event) });
  gate.resolve();
  assert.deepEqual(await Promise.all([first, second]), ["done", "done"]);
  assert.equal(starts, 1);
  assert.deepEqual(
    [a, b],
    [
      [1, 2],
      [1, 2],
    ],
  );
  assert.equal(flights.has("x"), false);
});

test("Flights.run() cancels the work when the last one has left, and not before", async () => {
  const flights = new Flights();
  let ended = false;
  const work = async (signal: AbortSignal) => {
    await never(signal)
      .finally(soon)
      .finally(() => {
        ended = true;
      });
  };
  const [one, two] = [new AbortController(), new AbortController()];
  const first = flights.run("x", work, { signal: one.signal });
  const second = flights.run("x", work, { signal: two.signal });
  one.abort();
  await assert.rejects(first, (error) => isCode(error, "Canceled"));
  assert.equal(ended, false);
  two.abort();
  await assert.rejects(second, (error) => isCode(error, "Canceled"));
  // Who left last waited for the end.
  assert.equal(ended, true);
});

test("Flights.run() begins again only when what everybody has left has ended, and whoever waits for that may leave", async () => {
  const flights = new Flights();
  const steps: string[] = [];
  const gate = Promise.withResolvers<void>();
  const left = new AbortController();
  const first = flights.run(
    "x",
    async (signal) => {
      await never(signal).catch(() => gate.promise);
      steps.push("ended");
    },
    { signal: left.signal },
  );
  left.abort();
  await soon();
  const again = async () => void steps.push("begun again");
  const second = flights.run("x", again);
  const impatient = new AbortController();
  const third = flights.run("x", again, { signal: impatient.signal });
  assert.equal(flights.has("x"), false);
  await soon();
  impatient.abort();
  await assert.rejects(third, (error) => isCode(error, "Canceled"));
  gate.resolve();
  await assert.rejects(first, (error) => isCode(error, "Canceled"));
  await second;
  assert.deepEqual(steps, ["ended", "begun again"]);
  assert.equal(flights.has("x"), false);
});

test("Flights.run() tries again on its own when a joined flight failed", async () => {
  const flights = new Flights();
  const fails = async (): Promise<string> => {
    await soon();
    throw new Error("mine");
  };
  const first = flights.run("x", fails);
  const second = flights.run("x", async () => "fine");
  await assert.rejects(first, /mine/);
  assert.equal(await second, "fine");
});

test("Limiter lets in so many at a time, in order, and forgets who has given up", async () => {
  const limiter = new Limiter(2);
  const order: number[] = [];
  let inside = 0;
  const controller = new AbortController();
  const visit = async (n: number, signal?: AbortSignal): Promise<void> => {
    using _ = await limiter.enter(signal);
    order.push(n);
    assert.ok(++inside <= 2);
    await soon();
    inside--;
  };
  const visits = [visit(1), visit(2), visit(3, controller.signal), visit(4), visit(5)];
  controller.abort();
  await assert.rejects(visits[2]!, (error) => isCode(error, "Canceled"));
  await Promise.all(visits.filter((_, at) => at !== 2));
  assert.deepEqual(order, [1, 2, 4, 5]);
  using _ = await limiter.enter(undefined);
  using __ = await limiter.enter(undefined);
});

test("Growth tells each reader the latest size and the end", async () => {
  const growth = new Growth();
  const read = async (): Promise<number[]> => await Array.fromAsync(growth);
  const early = read();
  growth.advance(10);
  await soon();
  growth.advance(20);
  growth.advance(15);
  growth.advance(30);
  await soon();
  const late = read();
  growth.end();
  assert.deepEqual(await early, [10, 30]);
  assert.deepEqual(await late, [30]);
  assert.equal(growth.whole, true);
});

test("Growth tells its readers of a failure", async () => {
  const growth = new Growth();
  const reading = Array.fromAsync(growth);
  growth.advance(1);
  growth.fail(new Error("broken"));
  await assert.rejects(reading, /broken/);
  assert.equal(growth.whole, false);
});
