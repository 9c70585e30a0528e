import { randomUUID } from "node:crypto";
import type { Cell } from "./cells.ts";
import type { Hop } from "./hops.ts";
import type { Walk } from "./targets.ts";
import { createAccounts, deleteAccounts, POISON, settle, updateAccounts, type World } from "./world.ts";

const ALWAYS = 1_000_000;

/** What makes the hops of a walk be used, beside the changes that people make in every run. */
export interface Driver {
  /** Before the fault is there. */
  prepare?(world: World, cells: readonly Cell[]): Promise<void>;
  /** With the fault. */
  begin?(world: World, cells: readonly Cell[]): Promise<void>;
  /** Once everybody has met the fault for the first time. */
  met?(world: World): Promise<void>;
  /** When the fault has gone. */
  mend?(world: World): Promise<void>;
  /** What is not as it must be, before everything is compared. */
  problems?(world: World): Promise<string[]>;
}

/** Makes the drivers of one run. */
export function driversOf(walks: ReadonlySet<Walk>): Driver[] {
  const all: Readonly<Record<Walk, () => Driver>> = {
    change: () => ({}),
    behind,
    sweep,
    "catch-up": catchUp,
    backfill,
    duplicates: () => ({ begin: (world) => ask(world, "fleet.billing", "duplicates.requested") }),
    poison,
    refused,
  };
  return [...walks].map((walk) => all[walk]());
}

/** Billing is away until customers are behind it. */
function behind(): Driver {
  let id = -1;
  return {
    async begin({ current: { saas } }) {
      const body = { error: { type: "api_error", message: "down" } };
      ({ id } = saas.stripe.faults.add({ method: "POST", path: "/v1/customers**", status: 503, body, times: ALWAYS }));
    },
    async met(world) {
      world.current.saas.stripe.faults.remove(new Set([id]));
      await ask(world, "fleet.flows", "retries.requested");
    },
  };
}

/** Asks over the bus, as a clock or the command line does. */
async function ask({ current }: World, Source: string, DetailType: string): Promise<void> {
  const eventId = randomUUID();
  const ids = { eventId, correlationId: eventId, causationId: eventId };
  const { orgId } = current.saas.salesforce;
  const occurredAt = new Date(current.clock.now()).toISOString();
  const metadata = { ...ids, occurredAt, orgId, actor: "system:test", schemaVersion: 1 };
  const entry = { EventBusName: current.ref("FleetBus"), Source, DetailType };
  await current.aws("events", "PutEvents", { Entries: [{ ...entry, Detail: JSON.stringify({ metadata, data: {} }) }] });
}

/** Billing refuses one customer; whoever mends the account makes the parked work obsolete. */
function refused(): Driver {
  let id = -1;
  let account = "";
  return {
    async begin({ current, young }) {
      account = young[0] ?? "";
      const stored = (await current.stored()).find(({ customerId }) => customerId === account);
      const customer = (stored?.links as { stripe?: { id: string } } | undefined)?.stripe?.id;
      const body = {
        error: { type: "invalid_request_error", code: "email_invalid", message: "Invalid.", param: "email" },
      };
      ({ id } = current.saas.stripe.faults.add({
        method: "POST",
        path: `/v1/customers/${customer}`,
        status: 400,
        body,
        times: ALWAYS,
      }));
    },
    async mend(world) {
      world.current.saas.stripe.faults.remove(new Set([id]));
      await updateAccounts(world, [account]);
    },
  };
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

/** Accounts that were there before anybody listened. */
async function seedQuietly(world: World, count: number): Promise<void> {
  const accounts = Array.from({ length: count }, () => ({ Name: `Quiet ${world.next()}` }));
  const { body } = await world.org.control("seed", { accounts, quiet: true });
  for (const id of (body as { accounts: string[] }).accounts) world.ledger.addAccount(id);
}

function sweep(): Driver {
  return {
    async prepare(world) {
      await loseChanges(world);
      await seedQuietly(world, 1);
    },
    async begin({ current }) {
      await current.request("reconciliation.requested", { entity: "Account", reason: "manual", full: true });
    },
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

function backfill(): Driver {
  const runs: string[] = [];
  return {
    prepare: (world) => seedQuietly(world, 4),
    async begin({ current }) {
      const input = JSON.stringify({ orgId: current.saas.salesforce.orgId, pageSize: 200, batchSize: 100 });
      const { executionArn } = await current.aws<{ executionArn: string }>("states", "StartExecution", {
        stateMachineArn: current.ref("Backfill"),
        name: `backfill-${randomUUID()}`,
        input,
      });
      runs.push(executionArn);
    },
    async problems({ current }) {
      const found = await Promise.all(
        runs.map(async (executionArn) => {
          const { status, error } = await current.aws("states", "DescribeExecution", { executionArn });
          return status === "SUCCEEDED" ? [] : [`the backfill is ${status}${error ? `: ${error}` : ""}`];
        }),
      );
      return found.flat();
    },
  };
}

/** Messages that nobody can read: each is parked once, whatever happens meanwhile, and then given up by a person. */
function poison(): Driver {
  const sent = new Map<string, string>();
  return {
    async begin({ current, hops }, cells) {
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
