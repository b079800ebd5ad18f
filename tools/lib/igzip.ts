// igzip, the deflate of Intel's ISA-L: the fastest inflate that streams. Debian has no static library of it, so it is built from
// the sources inside the PyPI package `isal`; nasm assembles them in three seconds.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { CC, fetchSdist, run } from "./sdist.ts";

const ISAL = {
  requirement: "isal==1.9.1",
  sha256: "d210dca02a689ef2af709d2c62d2daac2e36b5d2fa06e6dc0d023c83fee77e91",
  folder: "src/isal/isa-l",
};
const FLAGS = ["-O2", "-fno-pie", "-w", "-Iinclude", "-Iigzip", "-Icrc"];
const NASM = ["-f", "elf64", "-DAS_FEATURE_LEVEL=10", "-I", "include/", "-I", "igzip/", "-I", "crc/"];
/** C files that every processor uses; the x86-64 assembly is listed in the makefiles. */
const C_FILES = [
  ...["igzip", "hufftables_c", "igzip_base", "igzip_icf_base", "adler32_base", "flatten_ll", "encode_df"].map(igzip),
  ...["igzip_icf_body", "huff_codes", "igzip_inflate"].map(igzip),
  "crc/crc_base.c",
  "crc/crc64_base.c",
];

function igzip(name: string): string {
  return `igzip/${name}.c`;
}

/** The files of a makefile's `lsrc_x86_64 += …` list. */
function assembly(makefile: string): string[] {
  const list = /^lsrc_x86_64\s*\+=((?:.*\\\n)*.*)/m.exec(readFileSync(makefile, "utf8"))?.[1] ?? "";
  return list.match(/\w+\/\w+\.asm/g) ?? [];
}

export interface Igzip {
  /** What is linked. */
  objects: string[];
  /** Where igzip_lib.h is. */
  include: string;
  /** Changes with the sources and how they are compiled. */
  key: string;
}

/** Compiles igzip at the first call. */
export async function buildIgzip(build: string, say: (text: string) => void): Promise<Igzip> {
  const sources = fetchSdist(ISAL, build, say);
  const dir = join(build, `igzip-${ISAL.sha256.slice(0, 12)}`);
  const files = [...C_FILES, ...["igzip", "crc"].flatMap((part) => assembly(join(sources, part, "Makefile.am")))];
  const objectOf = (folder: string, file: string) => join(folder, `${basename(file).replace(".", "_")}.o`);
  if (!existsSync(dir)) {
    say("compiling igzip");
    const tmp = `${dir}.${process.pid}.tmp`;
    mkdirSync(tmp, { recursive: true });
    const queue = [...files];
    const worker = async () => {
      for (let file = queue.shift(); file; file = queue.shift()) {
        const command = file.endsWith(".c") ? CC : "nasm";
        const flags = file.endsWith(".c") ? [...FLAGS, "-c"] : NASM;
        await run(command, [...flags, file, "-o", objectOf(tmp, file)], sources);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    writeFileSync(join(tmp, "done"), "");
    if (existsSync(dir)) rmSync(tmp, { recursive: true });
    else renameSync(tmp, dir);
  }
  const key = [ISAL.sha256, ...FLAGS, ...NASM].join(" ");
  return { objects: files.map((file) => objectOf(dir, file)), include: join(sources, "include"), key };
}
