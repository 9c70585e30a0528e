import { createClock } from "./kernel/clock.ts";
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
