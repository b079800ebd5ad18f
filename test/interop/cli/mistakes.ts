// Typical mistakes: docker's command line and ours end with the same code, on a real dockerd and on our daemon; ours says why in its own words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { uniqueName } from "../../support/run.ts";
import { both } from "./both.ts";
import type { Subject } from "./engine.ts";
import { execute } from "./program.ts";

/** RUNS and ENDED stand for a container that runs and one that does not. */
const MISTAKES: readonly (readonly [code: number, line: string, ours: RegExp])[] = [
  [1, "rnu busybox", /^wharf: unknown command 'wharf rnu'\nhint: did you mean 'wharf run'\?\n$/],
  [125, "ps --al", /^wharf: unknown flag --al\nhint: did you mean --all\?\n/],
  [125, "ps -z", /^wharf: unknown flag -z\n/],
  [1, "ps extra", /^wharf: wharf ps takes no arguments, got "extra"\n/],
  [1, "run", /^wharf: wharf run needs at least 1 argument\nusage: wharf run IMAGE/],
  [125, "run --nmae x busybox", /did you mean --name\?/],
  [125, "run -p abc busybox", /^wharf: invalid value "abc" for -p, --publish: "abc" is no port\n/],
  [125, "run -v /a:b busybox", /the target "b" is no absolute path/],
  [125, "run -v a/b:/x busybox true", /invalid characters for a local volume name/],
  [125, "run --memory 10x busybox", /^wharf: invalid value "10x" for -m, --memory: "10x" is no size\n/],
  [125, "run --network none --memory 1m busybox true", /Minimum memory limit allowed is 6MB/],
  [125, "run --network none --cpus 1000 busybox true", /range of CPUs is from 0.01/],
  [125, "run --restart sometimes busybox true", /^wharf: --restart: unknown policy "sometimes"\nhint: one of no, /],
  [125, "run --rm --restart always busybox true", /^wharf: --rm does not go with --restart\n/],
  [125, "run --rm --network nosuch busybox true", /network nosuch not found/],
  [125, "run --name RUNS --network none busybox true", /Conflict\. The container name ".*" is already in use/],
  [125, "run --rm --network none -w relative busybox true", /'relative' is invalid/],
  [127, "run --rm --network none busybox nope", /"nope": executable file not found in \$PATH/],
  [126, "run --rm --network none busybox /etc", /"\/etc": is a directory/],
  [125, "run --pull never nosuchimage:1", /^wharf: No such image: nosuchimage:1\n$/],
  [125, "run UPPER:1", /^wharf: invalid reference "UPPER:1".*\nhint: did you mean upper:1\?\n/],
  [125, "run --pull sometimes busybox", /^wharf: invalid value "sometimes" for --pull: it must be one of always/],
  [125, "run --rm --network none --cap-add NOPE busybox true", /unknown capability:? "CAP_NOPE"/],
  [127, "run --rm --network none --device /dev/nope busybox true", /^wharf: .*no such file or directory/],
  [125, "run --ulimit nofile=10:5 busybox true", /the soft limit 10 is above the hard limit 5/],
  [125, "run --env-file /nope busybox true", /^wharf: open "\/nope": ENOENT: no such file or directory\n$/],
  [125, "run --mount typ=bind busybox true", /^wharf: invalid value "typ=bind" for --mount: unknown key "typ"\n/],
  [125, "run --mount type=bind,source=/nope,target=/x busybox true", /bind source path does not exist: \/nope/],
  [125, "run --health-interval 1 busybox true", /the unit is missing\nhint: for seconds write 1s\n/],
  [1, "run -d -a stdout busybox true", /^wharf: --attach does not go with --detach\n/],
  [1, "exec RUNS", /needs at least 2 arguments/],
  [1, "exec nope true", /^wharf: No such container: nope\n$/],
  [1, "exec ENDED true", /is not running/],
  [127, "exec RUNS nope", /^$|"nope": executable file not found/],
  [127, "exec -w /nope RUNS true", /^$|\/nope/],
  [1, "start nope nope2", /^wharf: No such container: nope2?\nwharf: No such container: nope2?\n$/],
  [125, "stop -t abc RUNS", /^wharf: invalid value "abc" for -t, --timeout: "abc" is no whole number\n/],
  [1, "kill -s NOPE RUNS", /nvalid signal: NOPE/],
  [1, "kill ENDED", /is not running/],
  [1, "rm RUNS", /container is running: stop the container before removing or force remove/],
  [1, "rmi nope", /^wharf: No such image: nope:latest\n$/],
  [1, "logs --since yesterday RUNS", /^wharf: "yesterday" is no point in time\nhint: for example 10m/],
  [64, "inspect -f {{.State RUNS", /^wharf: template parsing error: .*unclosed action\n/],
  [1, "inspect -f {{.Nope}} RUNS", /no entry for key "Nope"/],
  [1, "inspect --type nope RUNS", /^wharf: unknown type "nope"\nhint: one of container, image/],
  [1, "ps --format {{.Nope}}", /can't evaluate field Nope/],
  [1, "ps --filter nope=1", /^wharf: invalid filter 'nope'\n$/],
  [125, "ps --filter nope", /^wharf: invalid value "nope" for -f, --filter: it is not NAME=VALUE\n/],
  [1, "images a b", /takes at most 1 argument, got 2/],
  [1, "tag busybox UPPER", /the repository name must be lower case\nhint: did you mean upper\?\n$/],
  [1, "cp x y", /^wharf: neither of both is a container's\nhint: write CONTAINER:PATH for one\n$/],
  [1, "cp RUNS:/nope /tmp/x", /^wharf: Could not find the file \/nope in container /],
  [1, "cp RUNS:/etc ENDED:/etc", /^wharf: copying between containers is not supported\nhint: /],
  [1, "attach ENDED", /^wharf: container "[^"]*" does not run\nhint: start it: wharf start -ai /],
  [1, "load -i /nope", /^wharf: open "\/nope": ENOENT/],
  [1, "port RUNS 80", /^wharf: no public port '80\/tcp' published for .*\nhint: 'wharf port /],
  [1, "rename RUNS ENDED", /is already in use/],
  [1, "update RUNS", /^wharf: nothing to change\nhint: give at least one flag\n/],
  [1, "unpause RUNS", /is not paused/],
  [1, "volume rm nope", /^wharf: get nope: no such volume\n$/],
  [1, "context use nope", /^wharf: context "nope" does not exist\nhint: 'wharf context ls' lists what there is\n$/],
  [1, "help nope", /^wharf: unknown command 'wharf nope'/],
  [1, "system nope", /^wharf: unknown command 'wharf system nope'/],
];

export function mistakeTests(subject: () => Subject): void {
  test("typical mistakes end as with docker, and are told with a hint", async () => {
    const { wharf, socket } = subject();
    const names: Record<string, string> = { RUNS: uniqueName("runs"), ENDED: uniqueName("ended") };
    const ours = (args: readonly string[]) => execute([wharf, "-H", `unix://${socket}`, ...args]);
    await ours(["run", "-d", "--name", names.RUNS!, "--network", "none", "busybox", "sleep", "1000"]);
    await ours(["create", "--name", names.ENDED!, "--network", "none", "busybox", "true"]);
    const wrong: string[] = [];
    const lines = MISTAKES.map(([, line]) => line.replace(/RUNS|ENDED/g, (name) => names[name]!).split(" "));
    for (const [i, { ours: our, theirs: their }] of (await both(subject(), lines)).entries()) {
      const [code, line, words] = MISTAKES[i]!;
      if (our.code !== code || their.code !== code) wrong.push(`${line}: ours ${our.code}, docker's ${their.code}`);
      if (!words.test(our.stderr)) wrong.push(`${line}: ${our.stderr}`);
    }
    for (const name of Object.values(names)) await ours(["rm", "-f", name]);
    assert.deepEqual(wrong, []);
  });
}
