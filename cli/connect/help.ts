export const help = `Makes the connections by which the fleet reaches its systems: asks for what is
needed, tries it against the system, and stores it in Secrets Manager under the
name that the functions read, with a description and tags (service, stage).
Deploying or removing the fleet leaves connections alone.

usage: fleet connect salesforce | stripe | slack [options]
       fleet connect salesforce | stripe | slack --rotate | --remove [options]
       fleet connect --list [--json]

  --list        every connection: name, organisation, when it was changed, and
                whether it works; no values
  --rotate      replaces members of a connection: asks for the new secret, or
                takes flags or --stdin; the old one stays until the new one
                has been tried
  --remove      asks, and removes the connection; for 30 days the same command
                without --remove has it back
  --yes         remove: does not ask
  --stage <s>   stage of the fleet; default: the local fleet while it runs, else
                dev
  --org <id>    Salesforce organisation, 15 or 18 characters; a new connection
                finds it out by logging in
  --stdin       takes the members as one JSON object on standard input
  --json        list: as JSON

Members, as flags; what is needed and not given is asked for. Other members (see
docs/salesforce.md) go with --stdin. A secret in a flag can be read in the
history of the shell: rather let it be asked for, or use --stdin.

  salesforce    --login-url, --client-id, --client-secret; for the JWT bearer
                flow --username and --private-key-file in place of the secret;
                --api-version (66.0), --client-name (connector-fleet)
  stripe        --api-key; --base-url of an emulator
  slack         --token, --channel; --api-url of an emulator

Needs secretsmanager:ListSecrets, DescribeSecret, GetSecretValue, CreateSecret,
UpdateSecret, TagResource, DeleteSecret and RestoreSecret.
Exit codes: 0 done, 1 it does not work, or there is no such connection or one
already, 2 wrong usage.`;
