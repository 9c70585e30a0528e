import { SingleBar } from "cli-progress";

/** Shows how far something is, on a terminal alone. */
export interface Progress {
  readonly isShown: boolean;
  /** So much is done. */
  show(done: number): void;
  end(): void;
}

/** A bar on standard error while that is a terminal; nothing in a pipe. */
export function progressBar(
  total: number,
  what: string,
  { unit = "", stream = process.stderr }: { unit?: string; stream?: NodeJS.WriteStream } = {},
): Progress {
  if (!stream.isTTY || total < 2) return { isShown: false, show: () => undefined, end: () => undefined };
  const bar = new SingleBar({
    format: `${what} {bar} {value}${unit ? ` ${unit}` : " of {total}"}, about {eta_formatted} left`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    clearOnComplete: true,
    stream,
  });
  bar.start(total, 0);
  return { isShown: true, show: (done) => bar.update(done), end: () => bar.stop() };
}
