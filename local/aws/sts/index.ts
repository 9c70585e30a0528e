import type { Kernel } from "../kernel/kernel.ts";
import { ACCOUNT } from "../kernel/names.ts";
import type { CallContext, Service } from "../kernel/service.ts";

/** The Security Token Service. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
export function createSts(_kernel: Kernel): Service {
  return {
    name: "sts",
    wire: { kind: "query", xmlns: "https://sts.amazonaws.com/doc/2011-06-15/" },
    operations: {
      GetCallerIdentity: {
        // Everybody may ask who they are, even against an explicit denial.
        access: () => [],
        run: (_input: unknown, { principal }: CallContext) => {
          const session = principal.arn.split("/").at(-1);
          const UserId = principal.kind === "role" ? `AROA${ACCOUNT}:${session}` : ACCOUNT;
          return { UserId, Account: ACCOUNT, Arn: principal.arn };
        },
      },
    },
  };
}
