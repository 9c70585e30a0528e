import { APART, apartOf } from "./apart.ts";
import { type Cell, cellsOf, FAULTS, type FaultName, whyNot } from "./cells.ts";
import type { Hop } from "./hops.ts";

const BEGIN = "<!-- Written by npm run test:faults -- --write -->";
const END = "<!-- End of the table -->";

/** The part of docs/reliability.md that follows from the template. */
export function tableOf(hops: readonly Hop[]): string {
  const endings = new Map(cellsOf(hops).map((cell) => [keyOf(cell.hop, cell.fault), wordOf(cell)]));
  const worked = hops.filter((hop) => !apartOf(hop));
  const rows = worked.map((hop) => {
    const cells = FAULTS.map((fault) => (whyNot(hop, fault) ? "–" : (endings.get(keyOf(hop, fault)) ?? "–")));
    return `| ${hop.id} | ${cells.join(" | ")} |`;
  });
  const apart = APART.flatMap((place) =>
    hops.filter((hop) => apartOf(hop) === place).map(({ id }) => `| ${id} | ${place.when} | \`${place.test}\` |`),
  );
  const head = [`| hop | ${FAULTS.join(" | ")} |`, `| --- |${" --- |".repeat(FAULTS.length)}`];
  const rest = ["", "| not in the matrix | used | tested in |", "| --- | --- | --- |", ...apart];
  return [BEGIN, ...head, ...rows, ...rest, END].join("\n");
}

const keyOf = (hop: Hop, fault: FaultName) => `${hop.id} · ${fault}`;
const wordOf = ({ ending }: Cell) => ending.replace(/^by (a )?/, "");

/** The document with the table in its place. @throws Error when it has no place for one */
export function withTable(document: string, table: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error("The document has no place for the table.");
  return document.slice(0, begin) + table + document.slice(end + END.length);
}
