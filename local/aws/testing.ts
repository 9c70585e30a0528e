import { type Clock, createClock } from "./kernel/clock.ts";
import type { Identities } from "./kernel/identities.ts";
import { ADMINISTRATOR, Kernel } from "./kernel/kernel.ts";

/** Identities that refuse nothing, for tests of one service alone. */
export function allowAll(): Identities {
  return {
    assume: (roleArn, _service, sessionName) => ({
      accessKeyId: "ASIATEST",
      secretAccessKey: "secret",
      sessionToken: "token",
      principal: { kind: "role", arn: `${roleArn}/${sessionName}`, roleArn },
    }),
    identify: () => ADMINISTRATOR,
    authorize: () => undefined,
  };
}

/** A kernel without IAM whose waits are `scale` times shorter. */
export function testKernel(scale = 1000): Kernel {
  return new Kernel(createClock(scale), allowAll());
}

/** A table of a template: `things`, whose key is `id`, unless the properties say otherwise. */
export const table = (properties: object = {}, more: object = {}) => ({
  Type: "AWS::DynamoDB::Table",
  Properties: {
    TableName: "things",
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    ...properties,
  },
  ...more,
});

/** Resolves with the first value that is not `undefined`; fails after ten seconds. */
export async function eventually<Value>(look: () => Value | undefined | Promise<Value | undefined>): Promise<Value> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`It never became so: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * A clock that stands still until a test advances it; what falls due on the way runs at its moment.
 * @param at epoch milliseconds at which it begins
 */
export function manualClock(at: number): Clock {
  let now = at;
  const due = new Set<{ readonly at: number; readonly action: () => void }>();
  const after: Clock["after"] = (ms, action) => {
    const entry = { at: now + Math.max(0, ms), action };
    due.add(entry);
    return () => due.delete(entry);
  };
  return {
    scale: 1,
    offset: 0,
    onAdvance: () => () => undefined,
    now: () => now,
    elapsed: (since) => now - since,
    counted: (at) => at,
    stampOf: (counted) => counted,
    after,
    sleep: (ms) => new Promise((resolve) => after(ms, resolve)),
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...due].filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at);
        if (!next) break;
        due.delete(next);
        now = next.at;
        next.action();
      }
      now = end;
    },
  };
}
