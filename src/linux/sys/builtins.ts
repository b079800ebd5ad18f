// Brings the engine's built-in functions into being while the memory image is made. The engine makes each at its first use, which
// would write to the image's pages in every process. Imported for its effect, before anything else.

function visit(value: unknown, seen: Set<object>): void {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
  seen.add(value);
  for (const key of Reflect.ownKeys(value)) {
    // looking at a property makes its function
    const property = Reflect.getOwnPropertyDescriptor(value, key);
    if (!property) continue;
    visit(property.value, seen);
    visit(property.get, seen);
    visit(property.set, seen);
  }
  visit(Reflect.getPrototypeOf(value), seen);
}

const seen = new Set<object>();
visit(globalThis, seen);
// prototypes that no global names
async function* asyncGenerator(): AsyncGenerator<number> {}
function* generator(): Generator<number> {}
for (const value of [
  [].values(),
  new Map().values(),
  new Set().values(),
  "".matchAll(/x/g),
  "a"[Symbol.iterator](),
  generator(),
  asyncGenerator(),
  async () => {},
]) {
  visit(Reflect.getPrototypeOf(value), seen);
}
