import { isDeepStrictEqual, parseArgs } from "node:util";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { toLongId } from "../../functions/salesforce/org/ids.ts";
import { clientOptions } from "../endpoint.ts";
import { chooseOrg, type Stack, stackOf } from "../stack.ts";
import { orgOf, UsageError, type Work } from "../usage.ts";
import { agrees } from "./ask.ts";
import { finalDay, listConnections, parse, renderConnections } from "./list.ts";
import { complete, type Flags, givenMembers, renew } from "./members.ts";
import { SYSTEMS, type System } from "./names.ts";
import { type ConnectionStore, createConnectionStore } from "./store.ts";
import { DEFINITIONS, type Finding, type Members } from "./systems.ts";

export { help } from "./help.ts";
export const summary = "makes, renews, lists and removes the connections";

const ACTIONS = ["list", "rotate", "remove"] as const;
const MEMBERS = [...new Set(SYSTEMS.flatMap((system) => DEFINITIONS[system].members.map(({ flag }) => flag)))];
const text = { type: "string" } as const;
const yesOrNo = { type: "boolean", default: false } as const;
const OPTIONS = {
  stage: text,
  org: text,
  list: yesOrNo,
  rotate: yesOrNo,
  remove: yesOrNo,
  yes: yesOrNo,
  stdin: yesOrNo,
  json: yesOrNo,
  ...Object.fromEntries(MEMBERS.map((flag) => [flag, text])),
};

/** What the actions work with. */
interface Task {
  readonly stack: Stack;
  readonly store: ConnectionStore;
  readonly system: System;
  /** Salesforce organisation, 18 characters. */
  readonly org: string | undefined;
  readonly flags: Flags;
}

/** Reads the arguments of `fleet connect`. */
export function prepare(args: string[]): Work {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const flags = values as Flags;
  const stage = values.stage as string | undefined;
  const [action, ...more] = ACTIONS.filter((name) => flags[name]);
  if (more.length > 0) throw new UsageError(`give one of --${ACTIONS.join(", --")}`);
  const open = () => {
    const stack = stackOf(stage);
    return { stack, store: createConnectionStore(new SecretsManagerClient(clientOptions())) };
  };
  if (action === "list") {
    if (positionals.length > 0) throw new UsageError("--list lists all; give it without a system");
    return () => list(open(), flags.json === true);
  }
  const [name, ...others] = positionals;
  const system = SYSTEMS.find((one) => one === name);
  if (!system || others.length > 0) throw new UsageError(`give one of ${SYSTEMS.join(", ")}, or --list`);
  checkFlags(system, action, flags);
  const given = orgOf(flags.org as string | undefined);
  const org = given && toLongId(given);
  const work = action === "remove" ? remove : action === "rotate" ? rotate : connect;
  return () => work({ ...open(), system, org, flags });
}

function checkFlags(system: System, action: "rotate" | "remove" | "list" | undefined, flags: Flags): void {
  const known = action === "remove" ? [] : DEFINITIONS[system].members.map(({ flag }) => flag);
  const wrong = MEMBERS.find((flag) => flags[flag] !== undefined && !known.includes(flag));
  if (wrong) throw new UsageError(`'${system}'${action ? ` with --${action}` : ""} takes no --${wrong}`);
  if (flags.org !== undefined && system !== "salesforce") throw new UsageError(`'${system}' takes no --org`);
  if (action === "remove" && !flags.yes && !process.stdin.isTTY)
    throw new UsageError("nobody can be asked here; give --yes");
}

async function list({ stack, store }: Pick<Task, "stack" | "store">, json: boolean): Promise<number> {
  const listed = await listConnections(store, stack);
  if (json) console.log(JSON.stringify(listed, null, 2));
  else if (listed.length > 0) console.log(renderConnections(listed, Date.now()));
  if (listed.length === 0) console.error(`Stage '${stack.stage}' has no connections; 'fleet connect' makes them.`);
  return listed.length > 0 && listed.every(({ state }) => state === "works" || state === "removed") ? 0 : 1;
}

async function connect(task: Task): Promise<number> {
  const { stack, store, system, org, flags } = task;
  const { members, test } = DEFINITIONS[system];
  const given = await givenMembers(members, flags);
  // Without it only the login tells which organisation it is.
  const known = system !== "salesforce" ? stack.secretOf(system) : org && stack.secret(org);
  if (known) {
    await refuseStored(store, known);
    if (Object.keys(given).length === 0 && (await store.find(known))?.removedAt) return restore(task, known);
  }
  const whole = await complete(members, org ? { ...given, orgId: org } : given, flags);
  const finding = await test(known ?? stack.secretOf(system), whole, org);
  const name = finding.orgId ? stack.secret(finding.orgId) : stack.secretOf(system);
  await refuseStored(store, name);
  await put(task, name, whole, finding);
  return 0;
}

/** @throws Error when there is a connection already, which only `--rotate` replaces */
async function refuseStored(store: ConnectionStore, name: string): Promise<void> {
  const stored = await store.find(name);
  if (stored?.hasValue && !stored.removedAt)
    throw new Error(`${name} holds a connection already; replace it with --rotate`);
}

async function restore({ store, system, org }: Task, name: string): Promise<number> {
  await store.restore(name);
  console.log(`Restored ${name}, which was removed.`);
  const finding = await DEFINITIONS[system].test(name, parse(await store.read(name)), org);
  console.log(`It works: ${finding.text}.`);
  return 0;
}

async function rotate(task: Task): Promise<number> {
  const { stack, store, system, flags } = task;
  const { members, test } = DEFINITIONS[system];
  const given = await givenMembers(members, flags);
  const { name, orgId } = await existing(task);
  const stored = await store.find(name);
  if (!stored?.hasValue || stored.removedAt)
    throw new Error(`${name} holds no connection; make one with 'fleet connect ${system} --stage ${stack.stage}'`);
  const before = parse(await store.read(name));
  const whole = unite(before, Object.keys(given).length > 0 ? given : await renew(members, before, flags));
  if (isDeepStrictEqual(whole, before)) throw new Error(`${name} holds just that already`);
  await put(task, name, whole, await test(name, whole, orgId));
  console.log("The one before stays in Secrets Manager as AWSPREVIOUS.");
  return 0;
}

/** The new members over the old ones; of the two ways to log in to Salesforce only the one that was given. */
function unite(before: Members, renewed: Members): Members {
  const other =
    "clientSecret" in renewed ? ["username", "privateKey"] : "privateKey" in renewed ? ["clientSecret"] : [];
  const kept = Object.entries(before).filter(([member]) => !other.includes(member));
  return { ...Object.fromEntries(kept), ...renewed };
}

async function put({ stack, store, system }: Task, name: string, members: Members, finding: Finding): Promise<void> {
  const { service, stage } = stack;
  const { orgId, text: told } = finding;
  await store.put(name, system, { service, stage }, orgId ? { ...members, orgId } : members);
  console.log(`It works: ${told}.\nStored as ${name}; the fleet reads it within five minutes.`);
}

async function remove(task: Task): Promise<number> {
  const { store, flags } = task;
  const { name } = await existing(task);
  const stored = await store.find(name);
  if (!stored || stored.removedAt) {
    const until = stored?.removedAt ? ` It was removed, and can be had back until ${finalDay(stored.removedAt)}.` : "";
    console.error(`There is no connection ${name}.${until}`);
    return 1;
  }
  if (!flags.yes && !(await agrees(`Remove ${name}? The fleet cannot reach the system without it.`))) {
    console.error("Not removed.");
    return 0;
  }
  const until = await store.remove(name);
  console.log(`Removed ${name}; 'fleet connect' has it back until ${until?.toISOString().slice(0, 10)}.`);
  return 0;
}

/** A connection that is there; of Salesforce the one organisation, or the one that `--org` names. */
async function existing({ stack, system, org }: Task): Promise<{ name: string; orgId?: string }> {
  if (system !== "salesforce") return { name: stack.secretOf(system) };
  const orgId = await chooseOrg(stack, org);
  return { name: stack.secret(orgId), orgId };
}
