/** Turns of the event loop: nobody holds it for long, and what is much is done in parts. */

/** How many of what is read, asked or encoded one by one are done in one turn. */
export const PART = 48;

/** Resolves when others have had their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Work that comes often and is long only the first time, when its code is compiled and its pages come: then each of its steps gets a turn of
 * its own.
 */
export class FirstTime {
  #over = false;

  /** Between two steps. */
  step(): Promise<void> | undefined {
    return this.#over ? undefined : nextTurn();
  }

  /** After the last one. */
  done(): void {
    this.#over = true;
  }
}
