import { DescribeRuleCommand } from "@aws-sdk/client-eventbridge";
import { z } from "zod";
import { ACCOUNT } from "../../functions/salesforce/mapping/mapping.ts";
import type { SalesforceConnection } from "../../functions/salesforce/org/connection.ts";
import { keys } from "../../functions/salesforce/org/keys.ts";
import { parseSchedule, type Schedule } from "../../local/aws/events/schedule.ts";
import type { StateTable } from "../../shared/state-table.ts";
import type { Access } from "../access.ts";
import { describeFailure } from "../failure.ts";
import type { Stack } from "../stack.ts";
import { ago, duration } from "../text.ts";
import type { Line } from "./line.ts";

export const CATCH_UP = "catch-up";

const HOUR_MS = 3_600_000;
/** https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-message-durability.html */
const KEPT_MS = 72 * HOUR_MS;
/** The catch-up renews the position of a quiet channel after a day. */
const OLD_MS = 48 * HOUR_MS;
/** So many times the clock has ticked without a look, and then the time that a run takes. */
const MISSED_TICKS = 4;
const RUN_MS = 10 * 60_000;

const WHAT_TO_DO = "see the alarms and the log of salesforce-catch-up, mend it and run 'fleet catch-up'";
const LATE = `nobody looks for missed events: ${WHAT_TO_DO}`;

const sweptSchema = z.looseObject({ until: z.iso.datetime() });
const positionSchema = z.looseObject({ commitTimestamp: z.number(), updatedAt: z.number() });
const lookedSchema = z.looseObject({ at: z.number() });

/** How often the catch-up is asked to look, or why nobody knows. */
export type Clock = Schedule | { readonly kind: "none"; readonly why: string };

/** Reads the rule that asks for catch-ups. */
export async function readClock(stack: Stack, { events }: Pick<Access, "events">): Promise<Clock> {
  try {
    const rule = await events.send(new DescribeRuleCommand({ Name: stack.name("catch-up-schedule-0") }));
    if (rule.State !== "ENABLED") return { kind: "none", why: "its clock is switched off" };
    return parseSchedule(rule.ScheduleExpression ?? "") ?? { kind: "none", why: "its clock cannot be understood" };
  } catch (error) {
    return { kind: "none", why: `its clock cannot be read: ${describeFailure(error).sentence}` };
  }
}

/**
 * How far an organisation's events were read, and when somebody last looked for more. A look that finds nothing leaves the
 * position where it is, so only an old look, or a position from which Salesforce soon cannot go on, is bad.
 */
export async function lineOfCatchUp(
  { orgId, connection }: { readonly orgId: string; readonly connection: SalesforceConnection },
  state: Pick<StateTable, "read">,
  clock: Clock,
  now: number,
): Promise<Omit<Line, "name">> {
  const channel = connection.pubSubChannel;
  const [position, look] = await Promise.all([
    state.read(keys.position(orgId, channel), positionSchema).then((kept) => kept?.value),
    state.read(keys.looked(orgId, channel), lookedSchema).then((kept) => kept?.value),
  ]);
  if (!position) {
    const text = "no position yet";
    // A fleet that has swept is no new one.
    const swept = (await state.read(keys.sweep(orgId, ACCOUNT), sweptSchema))?.value;
    return swept && isLate(Date.parse(swept.until), clock, now)
      ? { ok: false, text, advice: LATE }
      : { ok: undefined, text };
  }
  const { commitTimestamp, updatedAt } = position;
  const lookedAt = Math.max(updatedAt, look?.at ?? 0);
  const [until, looked] = [new Date(commitTimestamp).toISOString(), new Date(lookedAt).toISOString()];
  const text = `read until ${until}, looked ${ago(looked, now)}`;
  if (now - commitTimestamp > OLD_MS)
    return { ok: false, text, advice: adviceForOld(KEPT_MS - (now - commitTimestamp)) };
  if (clock.kind === "none") return { ok: undefined, text: `${text}; ${clock.why}` };
  return isLate(lookedAt, clock, now) ? { ok: false, text, advice: LATE } : { ok: true, text };
}

function adviceForOld(leftMs: number): string {
  if (leftMs <= 0) return `Salesforce keeps events for 72 h, so some are lost: ${WHAT_TO_DO}, which has the rest swept`;
  return `Salesforce drops events in ${duration(leftMs)} that nobody has read: ${WHAT_TO_DO}`;
}

/** Whether so many ticks have passed since that somebody should have looked again. */
function isLate(since: number, clock: Clock, now: number): boolean {
  if (clock.kind === "none") return false;
  let tick: number | undefined = since;
  for (let n = 0; n < MISSED_TICKS && tick !== undefined; n += 1)
    tick = clock.kind === "rate" ? tick + clock.intervalMs : clock.next(tick);
  return tick !== undefined && now > tick + RUN_MS;
}
