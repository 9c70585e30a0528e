import type { Json } from "../json.ts";

/** One element of a JSON document: of an array, or of an object with its key. */
export interface Element {
  readonly key?: string;
  readonly value: Json;
}

/** The document is not JSON, or is neither an array nor an object. */
export class NotIterable extends Error {
  override readonly name = "NotIterable";
}

/**
 * The elements of a JSON array or the members of a JSON object, one by one: the text is cut at the commas of the
 * outermost level, and only the pieces are parsed.
 * @throws NotIterable, SyntaxError
 */
export async function* jsonElements(chunks: AsyncIterable<string>): AsyncGenerator<Element> {
  const cutter = new Cutter();
  for await (const chunk of chunks) yield* cutter.feed(chunk);
  cutter.end();
}

class Cutter {
  #opened: "[" | "{" | undefined;
  #closed = false;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #piece = "";
  #count = 0;

  *feed(chunk: string): Generator<Element> {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const char = chunk.charAt(at);
      if (this.#inString) {
        this.#insideString(char);
        continue;
      }
      if (!this.#opened || this.#closed) {
        this.#outside(char);
        from = at + 1;
        continue;
      }
      if (char === '"') this.#inString = true;
      else if (char === "[" || char === "{") this.#depth += 1;
      const ends = char === "]" || char === "}";
      if (ends) this.#depth -= 1;
      if (this.#depth === 0 || (char === "," && this.#depth === 1)) {
        this.#piece += chunk.slice(from, at);
        from = at + 1;
        yield* this.#cut(char);
      }
    }
    if (this.#opened && !this.#closed) this.#piece += chunk.slice(from);
  }

  end(): void {
    if (!this.#opened) throw new NotIterable("Attempting to map over non-iterable node.");
    if (!this.#closed) throw new SyntaxError("Unexpected end of JSON input");
  }

  #insideString(char: string): void {
    if (this.#escaped) this.#escaped = false;
    else if (char === "\\") this.#escaped = true;
    else if (char === '"') this.#inString = false;
  }

  #outside(char: string): void {
    if (/\s/.test(char)) return;
    if (this.#closed) throw new SyntaxError(`Unexpected '${char}' after the end of the document`);
    if (char !== "[" && char !== "{") throw new NotIterable("Attempting to map over non-iterable node.");
    this.#opened = char;
    this.#depth = 1;
  }

  *#cut(char: string): Generator<Element> {
    const text = this.#piece;
    this.#piece = "";
    if (this.#depth === 0) {
      if (char !== (this.#opened === "[" ? "]" : "}")) throw new SyntaxError(`Unexpected '${char}'`);
      this.#closed = true;
      if (this.#count === 0 && text.trim() === "") return;
    }
    this.#count += 1;
    yield this.#opened === "[" ? { value: this.#parse(text) } : this.#member(text);
  }

  #member(text: string): Element {
    const [entry, second] = Object.entries(this.#parse(`{${text}}`) as Record<string, Json>);
    if (!entry || second) throw new SyntaxError(`Member ${this.#count} is not valid JSON.`);
    return { key: entry[0], value: entry[1] };
  }

  #parse(text: string): Json {
    try {
      return JSON.parse(text) as Json;
    } catch (cause) {
      throw new SyntaxError(`Element ${this.#count} is not valid JSON.`, { cause }); // the parser's own words quote it
    }
  }
}
