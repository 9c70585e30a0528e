import type { SegmentDocument } from "../kernel/service.ts";

/** The documents of one trace, by segment id. */
export interface Trace {
  readonly id: string;
  readonly documents: Map<string, SegmentDocument>;
  /** Rises with every document. */
  revision: number;
}

interface Kept extends Trace {
  bytes: number;
}

export interface StoreLimits {
  readonly maxTraces: number;
  /** JSON text of all documents together. */
  readonly maxBytes: number;
}

/** Traces in memory; when there are too many, the oldest go. */
export class TraceStore {
  readonly #limits: StoreLimits;
  /** In the order of their first document. */
  readonly #traces = new Map<string, Kept>();
  #bytes = 0;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  /** Adds a document; one with the same id replaces it, unless a finished one is there already. */
  add(document: SegmentDocument): void {
    const trace = this.#traces.get(document.trace_id) ?? this.#open(document.trace_id);
    const former = trace.documents.get(document.id);
    if (former && !former.in_progress && document.in_progress) return;
    const grown = sizeOf(document) - (former ? sizeOf(former) : 0);
    trace.documents.set(document.id, document);
    trace.revision += 1;
    trace.bytes += grown;
    this.#bytes += grown;
    this.#evict();
  }

  get(id: string): Trace | undefined {
    return this.#traces.get(id);
  }

  all(): readonly Trace[] {
    return [...this.#traces.values()];
  }

  #open(id: string): Kept {
    const trace: Kept = { id, documents: new Map(), revision: 0, bytes: 0 };
    this.#traces.set(id, trace);
    return trace;
  }

  /** Leaves the newest trace, whatever its size. */
  #evict(): void {
    for (const [id, trace] of this.#traces) {
      const fits = this.#traces.size <= this.#limits.maxTraces && this.#bytes <= this.#limits.maxBytes;
      if (fits || this.#traces.size === 1) return;
      this.#traces.delete(id);
      this.#bytes -= trace.bytes;
    }
  }
}

function sizeOf(document: SegmentDocument): number {
  return Buffer.byteLength(JSON.stringify(document));
}
