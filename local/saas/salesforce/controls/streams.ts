import { z } from "zod";
import { type Control, parseControl } from "../../front/control.ts";
import { cometdFault } from "../cometd/faults.ts";
import { pubSubFault } from "../pubsub/faults.ts";
import type { OrgHandle } from "./control.ts";

const advice = z.strictObject({
  /** With the advice to shake hands again, or, as some servers send it, without any. */
  withAdvice: z.boolean().default(true),
});

/** Controls of the two ways to subscribe from outside: Pub/Sub API and CometD. */
export function streamControls(current: () => OrgHandle): readonly Control[] {
  return [
    { method: "GET", path: "pubsub-faults", run: () => current().pubSubFaults.list() },
    {
      method: "POST",
      path: "pubsub-faults",
      run: (input) => current().pubSubFaults.add(parseControl(pubSubFault, input)),
    },
    { method: "DELETE", path: "pubsub-faults", run: () => current().pubSubFaults.clear() },
    {
      method: "POST",
      path: "cometd/faults",
      run: (input) => current().cometd.addFault(parseControl(cometdFault, input)),
    },
    {
      method: "POST",
      path: "cometd/forget",
      run: () => ({ forgotten: current().cometd.forgetClients() }),
    },
    {
      method: "POST",
      path: "cometd/disconnect",
      run: (input) => ({ disconnected: current().cometd.disconnect(parseControl(advice, input).withAdvice) }),
    },
  ];
}
