import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { linuxSources, STRIPPED, stripSources } from "./images.ts";
import { arrange, type Block, classSize, placeImage, placesOf, readBlocks, readTouches } from "./layout.ts";
import { BUILD, buildHost } from "./native.ts";

const block = (number: number, page: number, size = 64): Block => ({ number, cls: 4, size, at: page * 4096 + 8 });
const numbers = (order: Block[]) => order.map(({ number }) => number);

test("sizes by class are multiples of 16 up to 512, then four steps to each power of two", () => {
  assert.deepEqual([1, 2, 32, 33, 36, 37, 40, 45].map(classSize), [16, 32, 512, 640, 1024, 1280, 2048, 5120]);
});

test("what is written to comes first, then what is read by its first use, parts of large blocks, the rest", () => {
  const blocks = [block(1, 1), block(2, 2), block(3, 3), block(4, 4, 8192), block(5, 7), block(6, 8)];
  const touches = [
    { page: 5, written: false },
    { page: 5, written: true },
    { page: 7, written: false },
    { page: 3, written: false },
    { page: 2, written: true },
    { page: 7, written: false },
  ];
  const { order, written } = arrange(blocks, touches);
  assert.deepEqual(numbers(order), [2, 5, 3, 4, 1, 6]);
  assert.equal(written, 1, "one page of the two of block 4 is written to: it is not copied as a whole");
});

test("a page of no block is an error", () => {
  assert.throws(() => arrange([block(1, 1)], [{ page: 9, written: false }]), /page 9 of the image belongs to no block/);
});

const dir = mkdtempSync(join(tmpdir(), "layout-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const ENTRY = "src/linux/runt/main.ts";
const [sparse, blocks, places, image, log] = ["sparse", "blocks", "places", "image", "log"].map((n) => join(dir, n));
const host = await buildHost(() => undefined);
stripSources(linuxSources());
const call = (...args: string[]) => spawnSync(host, args, { cwd: STRIPPED, encoding: "utf8" });

test("an image laid out by a run holds what that run needs in few pages, and does the same", () => {
  assert.equal(call("--snapshot-sparse", ENTRY, sparse!, blocks!).stderr, "");
  const trained = call("--train", sparse!, log!, "runt", "--version");
  const found = readBlocks(blocks!);
  const arranged = arrange(found, readTouches(log!));
  writeFileSync(places!, placesOf(arranged));
  assert.equal(call("--snapshot-placed", ENTRY, image!, places!).stderr, "");
  assert.match(trained.stdout, /^runt version /);
  assert.equal(call("--image", image!, "--version").stdout.replace(/^\S+/, "runt"), trained.stdout);
  const whole = found.reduce((sum, { size }) => sum + size, 0);
  assert.ok(readFileSync(image!).length < whole + 8192, "no gaps");
  const touched = new Set(readTouches(log!).map(({ page }) => page));
  assert.ok(touched.size > 50 && touched.size < found.length / 10, `${touched.size} pages of ${found.length} blocks`);
});

test("a table of places for other sources is refused", () => {
  const table = readFileSync(places!);
  table.writeUInt32LE(table.readUInt32LE(4) + 1, 4);
  writeFileSync(places!, table);
  const { status, stderr } = call("--snapshot-placed", ENTRY, image!, places!);
  assert.deepEqual(
    { status, stderr: /^block \d+ is another one than before\n$/.test(stderr) },
    { status: 1, stderr: true },
  );
});

test("what a build that was interrupted has left is cleared away by the next one", () => {
  const gone = spawnSync("true").pid;
  const [left, others] = ["test", "other"].map((name) => join(BUILD, "images", `layout-${gone}-${name}-x`));
  for (const folder of [left!, others!]) mkdirSync(folder);
  const cleared: string[] = [];
  const training = {
    name: "test",
    run: () => undefined,
    clear: (_host: string, _image: string, of: string) => void cleared.push(of),
  };
  writeFileSync(places!, left!); // what no other build depends on
  rmSync(placeImage(host, "src/linux/init/main.ts", [places!], training));
  assert.match(cleared[0]!, new RegExp(`/layout-${process.pid}-[^/]*$`));
  assert.ok(cleared.includes(left!));
  // who knows what lies in it
  assert.ok(!cleared.includes(others!) && existsSync(others!));
  rmSync(others!, { recursive: true });
  for (const folder of cleared) assert.ok(!existsSync(folder), folder);
});
