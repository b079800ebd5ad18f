// Paths that a layer has made, with the directories above them: what its whiteouts say of lower layers does not concern these.
import { parentOf } from "./paths.ts";

export class Made {
  readonly #paths = new Set<string>();

  add(path: string): void {
    for (let each = path; each !== "" && !this.#paths.has(each); each = parentOf(each)) this.#paths.add(each);
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }
}
