/** The native host's binding (native/host.c). A machine word is a number, bigint, boolean, null, buffer (its address) or string (a C string). */

type NativeBuffer = ArrayBuffer | Uint8Array | Int32Array | Uint32Array | BigUint64Array | BigInt64Array | Uint16Array;
type NativeWord = number | bigint | boolean | null | undefined | string | NativeBuffer;

interface Native {
  /** The kernel's answer, or -errno. A string with a NUL byte is a TypeError. */
  syscall(
    nr: number,
    a?: NativeWord,
    b?: NativeWord,
    c?: NativeWord,
    d?: NativeWord,
    e?: NativeWord,
    f?: NativeWord,
  ): number;
  /** Address of a linked library function (native/symbols.h). */
  symbol(name: string): number;
  /** Calls a C function by address; arguments and result are integers and pointers. */
  call(
    fn: number,
    a?: NativeWord,
    b?: NativeWord,
    c?: NativeWord,
    d?: NativeWord,
    e?: NativeWord,
    f?: NativeWord,
  ): number;
  /** Address of the buffer's first byte. The buffer must stay referenced while the kernel uses it. */
  address(buffer: NativeBuffer): number;
  /** Memory as an ArrayBuffer, without a copy; the caller keeps it mapped. */
  view(address: number, length: number): ArrayBuffer;
  /** Decodes UTF-8, whole or in part. */
  utf8(buffer: NativeBuffer, offset?: number, length?: number): string;
  /** Encodes UTF-8. */
  bytes(text: string): Uint8Array;
  /** The "NAME=value" strings this process was started with. */
  environ(): string[];
  /** The value of one of them. */
  variable(name: string): string | undefined;
  /** String.indexOf for long texts of ASCII characters, which the engine searches slowly; -1 for other texts. */
  find(text: string, part: string, from: number): number;
  /** The index behind the JSON object that begins at index `at` of a text; -1 when there is no whole one, or the text is not ASCII. */
  jsonEnd(text: string, at: number): number;
  /** Whether a value out of JSON.parse is of a shape (sys/shape.ts); false also where that is not certain. Fields that are null are taken away. */
  fits(shape: readonly unknown[], value: unknown): boolean;
  /** The descriptor of the mount this program was executed from, which the caller then closes; -1 when there is none (native/self.h). */
  self(): number;
  /** The argument strings' memory, which ps shows; writing there renames the process. */
  title(): ArrayBuffer;
  /** Runs pending promise reactions. */
  jobs(): void;
  /** Collects cycles; never done by itself, so that memory pages stay clean. */
  collect(): void;
  /** Gives memory back that is not in use now (stack, warm pages): for long-lived processes, when they have nothing to do. */
  trim(): void;
  /** Bytes of the engine's arena from its start to the highest ever allocated. */
  heap(): number;
}

declare const native: Native;
