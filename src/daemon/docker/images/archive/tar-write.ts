/** Writes the tar of an image archive piece by piece: directories and files with short names, none of it held in memory. */

const BLOCK = 512;
/** Bytes that the size field holds in octal; beyond, GNU's binary form is used. */
const OCTAL_SIZE = 8 ** 11;

/** A header; `mtime` is 0, so that the same image makes the same archive. `name` has at most 100 bytes. */
export function tarHeader(name: string, type: "file" | "directory", size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, "latin1");
  block.write(`${type === "directory" ? "0000755" : "0000644"}\0`, 100, "latin1");
  block.write("0000000\0", 108, "latin1");
  block.write("0000000\0", 116, "latin1");
  if (size < OCTAL_SIZE) block.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  block.write("00000000000\0", 136, "latin1");
  block.write("        ", 148, "latin1");
  block.write(type === "directory" ? "5" : "0", 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** What follows a file's data up to the next header. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

export function tarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK);
}
