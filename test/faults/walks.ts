import { randomUUID } from "node:crypto";
import { runFleetAt } from "../../cli/testing.ts";
import type { TestFleet } from "../support/fleet.ts";
import { forgetOtherOrg, storeForOtherOrg } from "../support/other-org.ts";
import { ALWAYS } from "./armed.ts";
import type { Cell } from "./cells.ts";
import type { Hop } from "./hops.ts";
import type { Walk } from "./targets.ts";
import { outagesOf } from "./troubles.ts";
import { createAccounts, deleteAccounts, POISON, pass, settle, updateAccounts, type World } from "./world.ts";

/** What makes hops be used, beside the changes that people make in every run. */
export interface Driver {
  /** Before the fault is there. */
  prepare?(world: World): Promise<void>;
  /** With the fault. */
  begin?(world: World): Promise<void>;
  /** Once everybody has met the fault for the first time. */
  met?(world: World): Promise<void>;
  /** When the fault has gone. */
  mend?(world: World): Promise<void>;
  /** What is not as it must be, before everything is compared. */
  problems?(world: World): Promise<string[]>;
}

/** Makes the drivers of one run; what lasts until everybody has met the fault ends after what begins then. */
export function driversOf(cells: readonly Cell[]): Driver[] {
  const all: Readonly<Record<Walk, () => Driver>> = {
    change: () => ({}),
    behind: () => ({ met: ({ current }) => ask(current, "fleet.flows", "retries.requested") }),
    sweep: () => sweep(cells),
    "catch-up": catchUp,
    backfill: () => backfill(cells),
    duplicates: () => ({ begin: ({ current }) => ask(current, "fleet.billing", "duplicates.requested") }),
    poison: () => poison(cells),
    refused: () => refused(false),
    obsolete: () => refused(true),
    buried,
  };
  const walks = [...new Set(cells.map(({ hop }) => hop.walk))].map((walk) => all[walk]());
  const forgets = cells.some(({ hop }) => isSecret(hop)) ? [forgetful] : [];
  return [...outagesOf(cells), ...walks, ...forgets, ...(cells.some(({ hop }) => isOfLogin(hop)) ? [loggedOut()] : [])];
}

const isSecret = (hop: Hop) => hop.kind === "action" && hop.action.name === "secretsmanager:GetSecretValue";

/** Whether the hop is used by whoever logs in to Salesforce. */
function isOfLogin(hop: Hop): boolean {
  if (hop.kind === "endpoint") return hop.endpoint.path.endsWith("/token");
  if (hop.kind !== "action" || !/^Salesforce/.test(hop.caller)) return false;
  return isSecret(hop) || hop.action.name === "dynamodb:PutItem";
}
const isParking = ({ hop }: Cell) => hop.kind === "action" && hop.action.resource === "ParkedTable";

/** Functions keep what they have read of a secret for five minutes. */
const forgetful: Driver = { prepare: (world) => pass(world, 301) };

/** Asks over the bus, as a clock or the command line does. */
export async function ask(fleet: TestFleet, Source: string, DetailType: string): Promise<void> {
  const eventId = randomUUID();
  const ids = { eventId, correlationId: eventId, causationId: eventId };
  const { orgId } = fleet.saas.salesforce;
  const occurredAt = new Date(fleet.clock.now()).toISOString();
  const metadata = { ...ids, occurredAt, orgId, actor: "system:test", schemaVersion: 1 };
  const entry = { EventBusName: fleet.ref("FleetBus"), Source, DetailType };
  await fleet.aws("events", "PutEvents", { Entries: [{ ...entry, Detail: JSON.stringify({ metadata, data: {} }) }] });
}

/** Salesforce ends all sessions, and once more when accounts were read: who writes back logs in as well. */
function loggedOut(): Driver {
  return {
    async begin({ current: { saas, control } }) {
      const end = () => control("tokens/expire");
      await end();
      const onCall = ({ route, status }: { route: string; status: number }) => {
        if (status !== 200 || !route.includes("POST /services/data")) return;
        saas.salesforce.calls.off("call", onCall);
        void end();
      };
      saas.salesforce.calls.on("call", onCall);
    },
  };
}

/**
 * Billing refuses one customer; whoever mends the account makes the parked work obsolete.
 * @param soon while the faults are there
 */
function refused(soon: boolean): Driver {
  let id = -1;
  let account = "";
  const mend = async (world: World) => {
    world.current.saas.stripe.faults.remove(new Set([id]));
    await updateAccounts(world, [account]);
  };
  return {
    async begin({ current, young }) {
      account = young[0] ?? "";
      const body = {
        error: { type: "invalid_request_error", code: "email_invalid", message: "Invalid.", param: "email" },
      };
      ({ id } = current.saas.stripe.faults.add({
        method: "POST",
        path: `/v1/customers/${await customerOf(current, account)}`,
        status: 400,
        body,
        times: ALWAYS,
      }));
    },
    ...(soon ? { met: mend } : { mend }),
  };
}

/** Somebody deletes customers in Stripe, long after they were made, and their accounts change. */
function buried(): Driver {
  return {
    prepare: (world) => pass(world, 1_800),
    async begin({ current, ledger, young }) {
      const { apiKey, baseUrl } = current.saas.connections().stripe;
      for (const id of young) {
        const url = `${baseUrl}/v1/customers/${await customerOf(current, id)}`;
        const { ok } = await fetch(url, { method: "DELETE", headers: { authorization: `Bearer ${apiKey}` } });
        if (!ok) throw new Error(`Stripe did not delete the customer of ${id}.`);
        ledger.buried.push(id);
      }
    },
  };
}

/** The customer in Stripe that an account is linked to. */
async function customerOf(fleet: World["current"], id: string): Promise<string> {
  const stored = (await fleet.stored()).find(({ customerId }) => customerId === id);
  return (stored?.links as { stripe?: { id: string } } | undefined)?.stripe?.id ?? "none";
}

/** Changes that the relay loses: it is stopped meanwhile, and begins with new events only. */
async function loseChanges(world: World): Promise<void> {
  const [changed, gone] = [await createAccounts(world, 1), await createAccounts(world, 1)];
  await settle(world);
  await world.org.control("relay", { state: "STOP" });
  await createAccounts(world, 1);
  await updateAccounts(world, changed);
  await deleteAccounts(world, gone);
  await world.org.control("relay", { state: "RUN" });
}

/** Accounts that were there before anybody listened. @returns their ids */
async function seedQuietly(world: World, count: number): Promise<string[]> {
  const accounts = Array.from({ length: count }, () => ({ Name: `Quiet ${world.next()}` }));
  const { body } = await world.org.control("seed", { accounts, quiet: true });
  const ids = (body as { accounts: string[] }).accounts;
  for (const id of ids) world.ledger.addAccount(id);
  return ids;
}

/** An account whose id another organisation has stored, for whoever finds it to park; a person mends it. */
function unusable(cells: readonly Cell[], walk: Walk): Driver {
  if (!cells.some((cell) => cell.hop.walk === walk && isParking(cell))) return {};
  let ids: string[] = [];
  return {
    async prepare(world) {
      ids = await seedQuietly(world, 1);
      for (const id of ids) await storeForOtherOrg(world.current, id);
    },
    async mend(world) {
      for (const id of ids) await forgetOtherOrg(world.current, id);
      await updateAccounts(world, ids);
    },
  };
}

function sweep(cells: readonly Cell[]): Driver {
  const { prepare, mend } = unusable(cells, "sweep");
  const request = ({ current }: World, full: boolean) =>
    current.request("reconciliation.requested", { entity: "Account", reason: "manual", full });
  return {
    async prepare(world) {
      await loseChanges(world);
      await seedQuietly(world, 1);
      await prepare?.(world);
    },
    async begin(world) {
      await request(world, true);
    },
    // Once more, for what is behind by then, and of what the delete log tells.
    async met(world) {
      await request(world, false);
    },
    ...(mend ? { mend } : {}),
  };
}

function catchUp(): Driver {
  return {
    prepare: loseChanges,
    async begin({ current }) {
      await current.request("catch-up.requested", { graceSeconds: 0 });
    },
  };
}

function backfill(cells: readonly Cell[]): Driver {
  const { prepare, mend } = unusable(cells, "backfill");
  const name = `backfill-${randomUUID()}`;
  return {
    async prepare(world) {
      await seedQuietly(world, 4);
      await prepare?.(world);
    },
    async begin({ current }) {
      const input = JSON.stringify({ orgId: current.saas.salesforce.orgId, pageSize: 200, batchSize: 100 });
      await current.aws("states", "StartExecution", { stateMachineArn: current.ref("Backfill"), name, input });
    },
    async mend(world) {
      await mend?.(world);
      if (!cells.some(({ ending }) => ending === "by a resume")) return;
      await settle(world);
      await runFleetAt(world.current.twin.origin, ["backfill", "resume", name, "--stage", "local"]);
    },
    async problems({ current }) {
      const Key = { key: { S: `backfill/${name}` } };
      const { Item } = await current.aws("dynamodb", "GetItem", {
        TableName: current.ref("SalesforceStateTable"),
        Key,
      });
      const phase = Item ? JSON.parse(Item.progress.S).phase : "not begun";
      return phase === "finished" ? [] : [`the backfill is at ${phase}`];
    },
  };
}

/** Messages that nobody can read: each is parked once, whatever happens meanwhile, and then given up by a person. */
function poison(cells: readonly Cell[]): Driver {
  const sent = new Map<string, string>();
  return {
    async begin({ current, hops }) {
      for (const queue of new Set(cells.flatMap(({ hop }) => queuesBefore(hop, hops)))) {
        const id = randomUUID();
        sent.set(id, queue);
        await current.aws("sqs", "SendMessage", {
          QueueUrl: current.ref(queue),
          MessageBody: JSON.stringify({ [POISON]: id }),
        });
      }
    },
    async problems(world) {
      const items = await world.parked();
      const counts = [...sent].map(([id, queue]) => [queue, items.filter(({ input }) => input.includes(id))] as const);
      return counts.flatMap(([queue, found]) =>
        found.length === 1 ? [] : [`a message of ${queue} that nobody can read is parked ${found.length} times`],
      );
    },
  };
}

/** The queues whose unreadable messages pass a hop. */
function queuesBefore(hop: Hop, hops: readonly Hop[]): string[] {
  if (hop.walk !== "poison") return [];
  const name = hop.kind === "mapping" ? hop.queue : hop.kind === "action" ? hop.action.resource : "";
  if (/DeadLetterQueue$/.test(name)) return [name.replace("DeadLetter", "")];
  const worked = hops.flatMap((one) => (one.kind === "mapping" && !/DeadLetterQueue$/.test(one.queue) ? [one] : []));
  const own = worked.filter(({ worker }) => hop.kind === "action" && worker === hop.caller);
  return (own.length > 0 ? own : worked.slice(0, 1)).map(({ queue }) => queue);
}
