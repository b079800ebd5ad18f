import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { describe } from "../common/errors.ts";
import { DEFAULT } from "./config-default.ts";
import { readConfig } from "./config-schema.ts";
import { endpointsOf } from "./registry/config.ts";
import { readHosts } from "./registry/hosts-file.ts";

const wrong = (text: string, pattern: RegExp) =>
  assert.throws(
    () => readConfig(text, "/c.toml"),
    (error) => pattern.test(describe(error)),
    text,
  );

test("readConfig() reads runtimes, snapshotters and registries", () => {
  const config = readConfig(
    `default-runtime = "crun"
registry-config-path = "/a:/b"
[runtimes.crun]
binary = "crun"
systemd-cgroup = true
[runtimes.gvisor]
type = "io.containerd.runsc.v1"
[snapshotters.stargz]
address = "unix:///run/s.sock"
`,
    "/c.toml",
  );
  assert.deepEqual(config.runtimes, {
    crun: { type: "io.containerd.runt.v2", binary: "crun", root: "", systemdCgroup: true },
    gvisor: { type: "io.containerd.runsc.v1", binary: "", root: "", systemdCgroup: false },
  });
  assert.equal(config.defaultRuntime, "crun");
  assert.deepEqual(config.snapshotters, { stargz: "/run/s.sock" });
  assert.deepEqual(config.registries?.directories, ["/a", "/b"]);
});

test("readConfig() takes what config default prints, also with its examples", () => {
  const plain = readConfig(DEFAULT, "/c.toml");
  assert.deepEqual([plain.runtimes, plain.defaultRuntime, plain.snapshotters], [{}, "runt", {}]);
  const examples = DEFAULT.replaceAll(/^# (?=[[\w"-]+(?:\.\w+|\."[^\n]*)*\]? ?(?:=|$))/gm, "");
  const all = readConfig(examples, "/c.toml");
  assert.deepEqual(Object.keys(all.runtimes), ["runt", "runc", "crun", "gvisor"]);
  assert.deepEqual(Object.keys(all.snapshotters), ["stargz"]);
  const verifier = { binDir: "/etc/wharf/image-verifiers", maxVerifiers: 10, timeout: 10_000 };
  assert.deepEqual([plain.imageVerifier, all.imageVerifier], [undefined, verifier]);
  assert.equal(plain.contentPolicy, "shared");
  assert.equal(plain.restartInterval, 10_000);
  assert.deepEqual([plain.logs, all.logs?.options], [undefined, { "max-size": "10m", "max-file": "3" }]);
  assert.deepEqual([plain.oomScore, all.oomScore], [undefined, -999]);
  assert.deepEqual([plain.sandboxImage, all.sandboxImage], [undefined, "registry.k8s.io/pause:3.10"]);
});

test("readConfig() reads what logs are like", () => {
  const { logs } = readConfig('log-driver = "local"\n[log-opts]\nmax-size = "1m"\n', "/c.toml");
  assert.deepEqual(logs, { driver: "local", options: { "max-size": "1m" } });
  assert.deepEqual(readConfig('log-driver = "none"\n', "/c.toml").logs, { driver: "none", options: {} });
});

test("readConfig() names the line of what is wrong", () => {
  wrong('a = "x"\n', /line 1: the setting a is not known/);
  wrong(
    '\n\n[runtimes.crun]\nbinary = "crun"\nbinari = "x"\n',
    /line 5: the setting runtimes\.crun\.binari is not known/,
  );
  wrong("[runtimes.crun]\n\nbinary = 3\n", /line 3: runtimes\.crun\.binary must be a string, not 3/);
  wrong('[runtimes.crun]\nroot = "a"\n', /line 2: .*absolute/);
  wrong('# x\ndefault-runtime = "crun"\n', /line 2: .*no \[runtimes\.crun\]/);
  wrong('[runtimes."a/b"]\n', /line 1: .*is no name/);
  wrong(
    '[runtimes.runt]\nsystemd-cgroup = true\nbinary = "crun"\n',
    /line 3: .*runtimes\.runt\.binary is what runt is/,
  );
  wrong('[runtimes.runt]\ntype = "io.containerd.runsc.v1"\n', /line 2: .*runtimes\.runt\.type is what runt is/);
  wrong('[snapshotters.x]\naddress = "s"\n', /line 2: .*absolute path of a socket/);
  wrong("[snapshotters.x]\n", /line 1: snapshotters\.x\.address is missing/);
  wrong('\ncontent-sharing-policy = "none"\n', /line 2: content-sharing-policy must be .*isolated/);
  wrong('restart-interval = "never"\n', /line 1: .*duration/);
  wrong('\nsandbox-image = "no image"\n', /line 2: the setting sandbox-image must be an image's name/);
  wrong("\noom-score = -1001\n", /line 2: the setting oom-score must be a number from -1000 to 1000/);
  wrong("[image-verifier]\nmax-verifiers = 1\n", /line 1: image-verifier\.bin-dir is missing/);
  wrong('[image-verifier]\nbin-dir = "a"\n', /line 2: .*absolute path/);
  wrong('[image-verifier]\nbin-dir = "/a"\nper-verifier-timeout = "10"\n', /line 3: .*duration/);
  wrong('[image-verifier]\nbin-dir = "/a"\nper-verifier-timeout = "0s"\n', /line 3: .*duration/);
  wrong('\nlog-driver = "syslog"\n', /line 2: log-driver must be .*local/);
  wrong("[log-opts]\nmax-size = 10\n", /line 2: log-opts\.max-size must be a string, not 10/);
  wrong('[log-opts]\n\nmax-size = "x"\n', /line 3: the setting log-opts\.max-size is wrong: invalid max-size: "x"/);
  wrong('[log-opts]\nmax-sise = "1m"\n', /line 2: .*unknown log opt 'max-sise' for json-file log driver/);
  wrong('log-driver = "local"\n[log-opts]\ntag = "x"\n', /line 3: .*unknown log opt 'tag' for log driver local/);
  // the option that is wrong, not one whose name stands in the words
  wrong('[log-opts]\nmax-file = "1"\ncompress = "true"\n', /line 3: the setting log-opts\.compress is wrong/);
  wrong('[log-opts]\nenv = "A"\nenviron = "B"\n', /line 3: the setting log-opts\.environ is wrong: unknown log opt/);
  wrong('[log-opts]\ncompress = "true"\n', /line 2: .*compress cannot be true when max-file is less than 2/);
  wrong("a = [\n", /line 2/);
  assert.throws(
    () => readHosts('[host."https://m"]\nskip_verify = 1\n', "/h.toml"),
    (error) => /h\.toml.*line 2: host\.https:\/\/m\.skip_verify must be/.test(describe(error)),
  );
});

test("registries' folders come before the rest, names with ports as containerd writes them", async () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-hosts-"));
  try {
    const put = (name: string, file: string, text: string) => {
      mkdirSync(join(dir, name), { recursive: true });
      writeFileSync(join(dir, name, file), text);
    };
    put(
      "reg.example",
      "hosts.toml",
      'server = "https://reg.example"\n[host."http://mirror:5000"]\ncapabilities = ["pull"]\n',
    );
    put("other_5000_", "hosts.toml", 'server = "http://plain"\n');
    put("_default", "hosts.toml", 'server = ""\n[host."https://all"]\n');
    put("docker.certs:8443", "ca.crt", "certificate");
    const config = { directories: [dir], mirrors: { "reg.example": ["https://unused"] } };
    const list = async (domain: string) =>
      (await endpointsOf(domain, config)).map((one) => `${one.schemes.join("|")}://${one.host}${one.prefix}`);
    assert.deepEqual(await list("reg.example"), [
      "http://mirror:5000/v2",
      "https://unused/v2",
      "https://reg.example/v2",
    ]);
    assert.deepEqual(await list("other:5000"), ["http://plain/v2"]);
    // an empty server is none that is named
    assert.deepEqual(await list("unknown.example"), ["https://all/v2", "https://unknown.example/v2"]);
    const [certified] = await endpointsOf("docker.certs:8443", config);
    assert.deepEqual(certified?.tls?.ca, [Buffer.from("certificate")]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
