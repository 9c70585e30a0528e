import { type ReadSecret, readConnection } from "#shared/connections.ts";
import { NotAuthorizedError } from "#shared/errors.ts";
import { type Connect, salesforceConnectionSchema } from "./connection.ts";

/**
 * Reads one organisation's secret, and refuses one that connects to another.
 * @param readSecret instead of Secrets Manager with the function's own credentials
 */
export function connectTo(orgId: string, secretId: string, readSecret?: ReadSecret): Connect {
  return async (options) => {
    const connection = await readConnection(secretId, salesforceConnectionSchema, { ...options, readSecret });
    if (connection.orgId === orgId) return connection;
    throw new NotAuthorizedError(
      "BAD_CONNECTION",
      `Secret ${secretId} connects to organisation ${connection.orgId}; store the connection to ${orgId} there.`,
    );
  };
}
