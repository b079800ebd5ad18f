import { O, open } from "../sys/fs.ts";
import { socketPair } from "../sys/socket.ts";
import { equal, ok, test } from "../testing.ts";
import { Channel } from "./channel.ts";

test("receive() gives a descriptor to the message it was sent with, also when one call brings several messages", () => {
  const [left, right] = socketPair();
  using sender = new Channel(left);
  using receiver = new Channel(right);
  sender.send({ type: "maps" });
  sender.send({ type: "cgroup" }, open("/dev/null", O.RDONLY));
  sender.send({ type: "continue" });
  equal(receiver.await("maps"), undefined);
  ok(receiver.await("cgroup") !== undefined, "it came with the cgroup");
  equal(receiver.await("continue"), undefined);
});
