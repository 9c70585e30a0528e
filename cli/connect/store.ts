import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  ResourceNotFoundException,
  RestoreSecretCommand,
  type SecretListEntry,
  type SecretsManagerClient,
  TagResourceCommand,
  UpdateSecretCommand,
} from "@aws-sdk/client-secrets-manager";
import type { System } from "./names.ts";

/** What Secrets Manager tells of a connection without its content. */
export interface Stored {
  readonly name: string;
  readonly changedAt: Date | undefined;
  /** It is to be deleted, and can be restored for as long as `RECOVERY_DAYS` from then. */
  readonly removedAt: Date | undefined;
  /** Some version of it has been stored. */
  readonly hasValue: boolean;
}

/** Which fleet a connection belongs to; the tags of its secret. */
export interface Owner {
  readonly service: string;
  readonly stage: string;
}

/** How long a connection that was removed can be had back. */
export const RECOVERY_DAYS = 30;

const DESCRIPTIONS: Readonly<Record<System, string>> = {
  salesforce: "Connects the fleet to a Salesforce organisation; made by 'npx fleet connect salesforce'.",
  stripe: "Connects the fleet to Stripe; made by 'npx fleet connect stripe'.",
  slack: "Connects the fleet to Slack; made by 'npx fleet connect slack'.",
};

/** The connections of a fleet in Secrets Manager: what `fleet connect` and the local fleet make, and functions only read. */
export function createConnectionStore(client: SecretsManagerClient) {
  async function find(name: string): Promise<Stored | undefined> {
    try {
      return storedOf(await client.send(new DescribeSecretCommand({ SecretId: name })), name);
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  }

  return {
    find,

    /** Those below a prefix, those that are to be deleted included. */
    async list(prefix: string): Promise<Stored[]> {
      const found: Stored[] = [];
      let NextToken: string | undefined;
      do {
        const Filters = [{ Key: "name" as const, Values: [prefix] }];
        const page = await client.send(new ListSecretsCommand({ Filters, IncludePlannedDeletion: true, NextToken }));
        for (const secret of page.SecretList ?? [])
          if (secret.Name?.startsWith(prefix)) found.push(storedOf(secret, secret.Name));
        NextToken = page.NextToken;
      } while (NextToken);
      return found.sort((a, b) => a.name.localeCompare(b.name));
    },

    /** Its text. */
    async read(name: string): Promise<string> {
      const { SecretString = "" } = await client.send(new GetSecretValueCommand({ SecretId: name }));
      return SecretString;
    },

    /** Stores a connection with its description and tags: makes the secret, restores it, or puts a new version on top. */
    async put(name: string, system: System, owner: Owner, connection: object): Promise<void> {
      const [Description, SecretString] = [DESCRIPTIONS[system], JSON.stringify(connection)];
      const Tags = Object.entries(owner).map(([Key, Value]) => ({ Key, Value: String(Value) }));
      const known = await find(name);
      if (!known) {
        await client.send(new CreateSecretCommand({ Name: name, Description, SecretString, Tags }));
        return;
      }
      if (known.removedAt) await client.send(new RestoreSecretCommand({ SecretId: name }));
      // The value last: whoever reads it finds everything else in place.
      await client.send(new TagResourceCommand({ SecretId: name, Tags }));
      await client.send(new UpdateSecretCommand({ SecretId: name, Description, SecretString }));
    },

    async restore(name: string): Promise<void> {
      await client.send(new RestoreSecretCommand({ SecretId: name }));
    },

    /** Schedules its deletion. @returns when it is final */
    async remove(name: string): Promise<Date | undefined> {
      const command = new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: RECOVERY_DAYS });
      return (await client.send(command)).DeletionDate;
    },
  };
}

export type ConnectionStore = ReturnType<typeof createConnectionStore>;

type Description = Pick<SecretListEntry, "LastChangedDate" | "DeletedDate"> & {
  /** As a description names the versions, and as a list does. */
  readonly VersionIdsToStages?: Record<string, string[]> | undefined;
  readonly SecretVersionsToStages?: Record<string, string[]> | undefined;
};

function storedOf(secret: Description, name: string): Stored {
  const versions = secret.VersionIdsToStages ?? secret.SecretVersionsToStages ?? {};
  return {
    name,
    changedAt: secret.LastChangedDate,
    removedAt: secret.DeletedDate,
    hasValue: Object.keys(versions).length > 0,
  };
}
