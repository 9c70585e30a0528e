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
