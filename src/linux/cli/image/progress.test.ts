import { equal, ok, test } from "../../testing.ts";
import { type ProgressMessage, ProgressView } from "./progress.ts";

/** What a terminal shows of the text: knows the few sequences the view uses, scrolls at its last row. */
function screen(text: string, rows: number, columns: number): { lines: string[]; scrolled: string[] } {
  const lines: string[] = [""];
  const scrolled: string[] = [];
  let row = 0;
  let column = 0;
  for (let i = 0; i < text.length; ) {
    const control = /^\x1b\[(\d*)([AJKm])/.exec(text.slice(i, i + 8));
    if (control) {
      const [whole, count, what] = control;
      if (what === "A") row = Math.max(0, row - Number(count));
      if (what === "J") {
        lines.length = row + 1;
        lines[row] = lines[row]!.slice(0, column);
      }
      if (what === "K") lines[row] = "";
      i += whole.length;
      continue;
    }
    const c = text[i++]!;
    if (c === "\r") column = 0;
    else if (c === "\n") {
      column = 0;
      row++;
      if (row === rows) {
        scrolled.push(lines.shift()!);
        row--;
      }
      lines[row] ??= "";
    } else {
      ok(column < columns, `no line is longer than the window: ${lines[row]}`);
      lines[row] = `${lines[row]!.slice(0, column).padEnd(column)}${c}${lines[row]!.slice(column + 1)}`;
      column++;
    }
  }
  return { lines, scrolled };
}

const LAYERS = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"];

function pull(layers: readonly string[]): ProgressMessage[] {
  const messages: ProgressMessage[] = [{ status: "Pulling from library/x", id: "latest" }];
  for (const id of layers) messages.push({ status: "Pulling fs layer", id, progressDetail: {} });
  for (let step = 1; step <= 10; step++) {
    for (const id of layers)
      messages.push({ status: "Downloading", id, progressDetail: { current: step * 100_000, total: 1_000_000 } });
  }
  for (const id of layers) messages.push({ status: "Extracting", id, progressDetail: { current: 500, total: 1000 } });
  for (const id of layers) messages.push({ status: "Pull complete", id, progressDetail: {} });
  messages.push({ status: "Digest: sha256:0" }, { status: "Status: Downloaded newer image for x" });
  return messages;
}

function shown(messages: readonly ProgressMessage[], rows: number, columns: number) {
  let text = "";
  const write = (piece: string) => {
    text += piece;
  };
  {
    using view = new ProgressView(write, { size: { rows, columns }, colour: true, quiet: false });
    for (const message of messages) view.show(message);
  }
  return screen(text, rows, columns);
}

test("bars end as a plain account, in windows of every width", () => {
  for (const columns of [38, 50, 80, 200]) {
    const { lines } = shown(pull(LAYERS), 24, columns);
    equal(
      lines.slice(0, 4).map((line) => line.split(":")[0]),
      ["latest", ...LAYERS],
      `${columns} columns`,
    );
    ok(
      lines.slice(1, 4).every((line) => line.includes("P") || columns < 30),
      lines.join("|"),
    );
    equal(lines.at(-2), "Status: Downloaded newer image for x".slice(0, columns));
  }
});

test("more layers than the window has rows", () => {
  const many = Array.from({ length: 40 }, (_, i) => `layer${String(i).padStart(7, "0")}`);
  const { lines, scrolled } = shown(pull(many), 10, 80);
  const all = [...scrolled, ...lines];
  for (const id of many)
    ok(
      all.some((line) => line.startsWith(`${id}: Pull complete`)),
      `${id} is told in the end`,
    );
});

test("without a terminal: a line for each change, none for growing numbers", () => {
  let text = "";
  const write = (piece: string) => {
    text += piece;
  };
  using view = new ProgressView(write, { size: undefined, colour: false, quiet: false });
  for (const message of pull(LAYERS)) view.show(message);
  const lines = text.trimEnd().split("\n");
  equal(lines.length, 1 + 3 + 3 + 2);
  ok(!text.includes("\x1b") && !text.includes("Downloading"), "plain text");
});
