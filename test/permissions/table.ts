import { everywhereOf } from "./aws.ts";
import { type Grant, verbOf } from "./grants.ts";
import type { Proof, Proven } from "./proofs.ts";

const BEGIN = "<!-- Written by npm run test:permissions -- --write -->";
const END = "<!-- End of the table -->";

/** The part of docs/security.md that follows from the template: who may do what, and what shows that it is needed. */
export function tableOf(proven: readonly Proven[]): string {
  const byRuns = proven.filter(({ proof }) => proof?.by !== "aws");
  const groups = Map.groupBy(byRuns, ({ grant, proof }) => `${eachOf(proof) ?? holderOf(grant)} | ${wordsOf(proof)}`);
  const rows = [...groups.values()].map((some) => {
    const grants = some.map(({ grant }) => grant);
    const [{ grant, proof } = raise()] = some;
    const each = eachOf(proof);
    const who = each ? whoOf(grants) : holderOf(grant);
    return `| ${who} | ${mayOf(grants, each)} | ${wordsOf(proof)} |`;
  });
  const demanded = proven.flatMap(({ grant, proof }) => (proof?.by === "aws" ? [{ grant, demand: proof.demand }] : []));
  const demands = [...Map.groupBy(demanded, ({ demand }) => demand)].map(([{ why, link }, some]) => {
    const grants = some.map(({ grant }) => grant);
    const actions = unique(grants.map(({ action }) => `\`${action.name}\``)).join(", ");
    const places = unique(grants.flatMap((grant) => (grant.on === "*" ? (everywhereOf(grant) ?? []) : [])));
    const everywhere = places.map((place) => `; on \`*\`, as [AWS knows no resource of it](${place})`).join("");
    return `| ${actions} | ${whoOf(grants)} | [${why}](${link})${everywhere} |`;
  });
  return [
    BEGIN,
    ...["| who | may | missed when |", "| --- | --- | --- |", ...rows, ""],
    ...["| demanded by AWS | who | for |", "| --- | --- | --- |", ...demands],
    END,
  ].join("\n");
}

/** The document with the table in its place. @throws Error when it has no place for one */
export function withTable(document: string, table: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error("The document has no place for the table.");
  return document.slice(0, begin) + table + document.slice(end + END.length);
}

/** What shows that a grant is needed, in a few words. */
export function wordsOf(proof: Proof | undefined): string {
  if (!proof) return "never";
  if (proof.by === "matrix") return "in the fault matrix";
  return proof.by === "step" ? proof.step.when : `AWS demands it: ${proof.demand.link}`;
}

const holderOf = ({ kind, holder, on }: Grant) => (kind === "policy" ? `rules (${on})` : holder);

const eachOf = (proof: Proof | undefined) => (proof?.by === "step" ? proof.step.each : undefined);

/** `table: GetItem, PutItem · bus: PutEvents` */
function mayOf(grants: readonly Grant[], each: string | undefined): string {
  const groups = Map.groupBy(grants, ({ kind, on, holder }) => each ?? (kind === "policy" ? holder : on));
  const verbs = (some: readonly Grant[]) => unique(some.map(({ action }) => verbOf(action))).join(", ");
  return [...groups].map(([on, some]) => `${on}: ${verbs(some)}`).join(" · ");
}

/** Whose they are: by name while there are few. */
function whoOf(grants: readonly Grant[]): string {
  const holders = unique(grants.map(({ holder }) => holder));
  if (holders.length <= 2) return holders.join(", ");
  return grants[0]?.kind === "refusal" ? `${holders.length} queues` : `${holders.length} functions`;
}

const unique = (texts: readonly string[]) => [...new Set(texts)];

function raise(): never {
  throw new Error("A group is never empty.");
}
