import { createHash } from "node:crypto";
import { ACCOUNT } from "../kernel/names.ts";
import type { Principal } from "../kernel/service.ts";

/** `SenderId`: the account for the administrator, `AROA…:session` for a role, an opaque id for an AWS service. */
export function senderId(principal: Principal): string {
  if (principal.kind === "administrator") return ACCOUNT;
  const opaque = (prefix: string, name: string) =>
    prefix + createHash("sha256").update(name).digest("hex").slice(0, 17).toUpperCase();
  if (principal.kind === "service") return opaque("AIDA", principal.service);
  return `${opaque("AROA", principal.roleArn)}:${principal.arn.split("/").at(-1)}`;
}
