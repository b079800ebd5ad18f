import { equal, test } from "../testing.ts";
import { Ring } from "./ring.ts";

const SIZE = 1 << 16;

/** A full ring whose first reader goes on to the end just after its position was looked at. */
function racing(first: number, second: number): Ring {
  const ring = new Ring(SIZE, 2);
  ring.wrote(SIZE);
  ring.release(0, first);
  ring.release(1, second);
  const position = ring.position.bind(ring);
  ring.position = (reader) => {
    const seen = position(reader);
    if (reader === 0) ring.release(0, SIZE);
    return seen;
  };
  return ring;
}

test("space() counts no bytes that another reader has yet to read when the slowest one overtakes it meanwhile", () => {
  equal(racing(1000, 2000).space(0), 1000);
  const ring = racing(1000, 2000);
  ring.space(0);
  equal(ring.space(0), 2000);
});

test("spaceFor() is content with what the slowest reader has freed", () => {
  const ring = racing(0, 2000);
  ring.spaceFor(2000);
  equal(ring.space(0), 2000);
});
