import { z } from "zod";
import { type Control, parseControl } from "../../front/control.ts";
import { expireTokens, grantToken } from "../oauth.ts";
import type { Changing, OrgHandle } from "./control.ts";
import { eventControls } from "./events.ts";
import { recordControls } from "./records.ts";
import { streamControls } from "./streams.ts";

const budget = { used: z.int().nonnegative().optional(), max: z.int().positive().optional() };
const limits = z.strictObject({ ...budget, deliveries: z.strictObject(budget).optional() });
const client = z.strictObject({ clientId: z.string(), clientSecret: z.string() });
const age = z.strictObject({ days: z.number().nonnegative() });
const DAY_MS = 24 * 3600 * 1000;

/** Controls of the Salesforce emulator beside faults and counters. `persist` writes what a control has changed. */
export function salesforceControls(current: () => OrgHandle, persist: () => Promise<void>): readonly Control[] {
  const changing: Changing = (work) => async (input) => {
    const output = work(current(), input);
    await persist();
    return output;
  };
  return [
    {
      // A person at a browser: faults of the token endpoint do not reach it.
      method: "POST",
      path: "sessions",
      run: changing(({ org }, input) => {
        const { clientId: client_id, clientSecret: client_secret } = parseControl(client, input);
        const form = new URLSearchParams({ grant_type: "client_credentials", client_id, client_secret });
        return grantToken(org, "", form, undefined);
      }),
    },
    { method: "POST", path: "tokens/expire", run: changing(({ org }) => ({ expired: expireTokens(org) })) },
    {
      method: "POST",
      path: "limits",
      run: changing(({ org }, input) => {
        const { deliveries, ...api } = parseControl(limits, input);
        Object.assign(org.state.deliveries, deliveries);
        org.wake();
        return Object.assign(org.state.api, api);
      }),
    },
    {
      method: "POST",
      path: "age",
      run: changing(({ org }, input) => {
        org.state.createdAt = org.now() - parseControl(age, input).days * DAY_MS;
        return { createdAt: new Date(org.state.createdAt).toISOString() };
      }),
    },
    ...recordControls(changing),
    ...eventControls(current, changing),
    ...streamControls(current),
  ];
}
