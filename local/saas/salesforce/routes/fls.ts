import { z } from "zod";
import { type Control, ControlError, parseControl } from "../../front/control.ts";
import { notWritable } from "../dml/checks.ts";
import { noSuchColumn } from "../errors.ts";
import type { ObjectType } from "../fields.ts";
import type { Org } from "../org.ts";
import { findType, requireType } from "../schema.ts";
import { accessTo, type Scope } from "../soql/scope.ts";

const rule = z.strictObject({
  /** Username or id of the user. */
  user: z.string(),
  /** Object and field, such as `Account.Phone`. */
  field: z.string().regex(/^\w+\.\w+$/, "must be Object.Field"),
  access: z.enum(["hidden", "readOnly", "full"]),
});

/**
 * Refuses to write fields that are kept from the user; a hidden one does not exist for the user.
 * @throws SalesforceError `INVALID_FIELD`, `INVALID_FIELD_FOR_INSERT_UPDATE`
 */
export function assertMayWrite(
  { org, userId }: Scope,
  type: ObjectType,
  body: Readonly<Record<string, unknown>>,
): void {
  if (!org.state.rest.fieldAccess[userId]) return;
  for (const name of Object.keys(body)) {
    const field = type.fields.get(name.toLowerCase());
    const access = field && accessTo(org, userId, type, field);
    if (access === "hidden") throw noSuchColumn(name, type.name);
    if (access === "readOnly" && field) throw notWritable([field.name]);
  }
}

/** Field-level security: hides a field from one user, or lets them only read it. */
export function fieldAccessControl(current: () => Org, persist: () => Promise<void>): Control {
  return {
    method: "POST",
    path: "field-access",
    async run(input) {
      const { user, field, access } = parseControl(rule, input);
      const org = current();
      const [typeName = "", fieldName = ""] = field.split(".");
      const type = findType(typeName);
      const known = type?.fields.get(fieldName.toLowerCase());
      if (!type || !known) throw new ControlError(`The org has no field ${field}.`);
      const userId = userIdOf(org, user);
      const restricted = org.state.rest.fieldAccess[userId] ?? {};
      org.state.rest.fieldAccess[userId] = restricted;
      if (access === "full") delete restricted[`${type.name}.${known.name}`];
      else restricted[`${type.name}.${known.name}`] = access;
      await persist();
      return org.state.rest.fieldAccess;
    },
  };
}

function userIdOf(org: Org, given: string): string {
  const user = org.records(requireType("User")).find((one) => one.Username === given || one.Id === given);
  if (!user) throw new ControlError(`The org has no user ${given}.`);
  return String(user.Id);
}
