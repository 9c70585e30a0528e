import { join } from "node:path";
import { LineFile, type Place } from "./line-file.ts";

/** How a child ended, and in which attempt of its Map Run. */
export interface ChildResult {
  readonly status: string;
  readonly attempt: number;
  readonly place: Place;
}

/**
 * The inputs and results of a Map Run's children, on the disk: whatever the number of items, memory holds a few words
 * for each child, and a restart or redrive finds the very inputs of the first attempt.
 */
export class Spool {
  readonly #inputs: LineFile;
  readonly #results: LineFile;
  readonly #places: Place[] = [];
  /** Number of items by child. */
  readonly items: number[] = [];
  /** Items of all children. */
  totalItems = 0;
  /** The last result of each child; a hole is one that has not ended. */
  readonly results: ChildResult[] = [];
  /** Whether all inputs are there: children are started only then. */
  complete = false;

  constructor(folder: string, id: string) {
    this.#inputs = new LineFile(join(folder, `${id}.inputs`));
    this.#results = new LineFile(join(folder, `${id}.results`));
  }

  /** Takes up what an earlier run of the twin has written. */
  load(): void {
    this.#inputs.scan((head, place) => {
      if (head === "end") this.complete = true;
      else this.#noted(Number(head), place);
    });
    this.#results.scan((head, place) => {
      const [index, attempt, status = ""] = head.split(" ");
      this.results[Number(index)] = { status, attempt: Number(attempt), place };
    });
  }

  /** Forgets inputs that were not written to their end. */
  restart(): void {
    this.#inputs.clear();
    this.#places.length = 0;
    this.items.length = 0;
    this.totalItems = 0;
  }

  /** @param text JSON text of a child's input */
  addInput(text: string, items: number): void {
    this.#noted(items, this.#inputs.append(String(items), text));
  }

  end(): void {
    this.#inputs.append("end", "");
    this.complete = true;
  }

  input(index: number): string {
    return this.#inputs.read(this.#places[index] as Place);
  }

  addResult(index: number, attempt: number, status: string, result: unknown): void {
    const place = this.#results.append(`${index} ${attempt} ${status}`, JSON.stringify(result));
    this.results[index] = { status, attempt, place };
  }

  result(index: number): unknown {
    const known = this.results[index];
    return known && JSON.parse(this.#results.read(known.place));
  }

  close(): void {
    this.#inputs.close();
    this.#results.close();
  }

  delete(): void {
    this.#inputs.delete();
    this.#results.delete();
  }

  #noted(items: number, place: Place): void {
    this.#places.push(place);
    this.items.push(items);
    this.totalItems += items;
  }
}
