import { PLACEHOLDER } from "./orgs.ts";
import { type Given, parametersOf, wrongParameters } from "./parameters.ts";

/** Longest name of a stage: longer ones leave no room for the names of things. */
const MOST_OF_STAGE = 20;

/** The parts of osls that are there before anything is packaged. https://github.com/oss-serverless/serverless */
export interface Begun {
  readonly service: { readonly provider: { readonly stage: string } };
  readonly processedInput: {
    readonly commands: readonly string[];
    readonly options: { readonly param?: readonly string[] };
    readonly isHelpRequest?: boolean;
  };
  readonly configurationInput: { readonly params?: Given["params"] };
  getProvider(name: "aws"): { getAccountId(): Promise<string> };
}

/** What is known before anything is packaged. */
export interface Beginning extends Given {
  readonly isDeploy: boolean;
  /** Asks AWS whose credentials these are. */
  accountId(): Promise<unknown>;
}

/**
 * Looks at stage, parameters and credentials, so that nobody waits for a packaging that leads nowhere.
 * @throws Error with a sentence for everything that is wrong
 */
export async function requireBeginning(serverless: Begun): Promise<void> {
  const { service, processedInput, configurationInput } = serverless;
  if (processedInput.isHelpRequest) return;
  const wrong = await preflight({
    isDeploy: processedInput.commands[0] === "deploy",
    stage: service.provider.stage,
    params: configurationInput.params ?? {},
    commandLine: processedInput.options.param ?? [],
    accountId: () => serverless.getProvider("aws").getAccountId(),
  });
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
}

/** Everything that would make a package or a deploy fail, as far as it can be told at once: a sentence each. */
export async function preflight(beginning: Beginning): Promise<string[]> {
  const { isDeploy, stage } = beginning;
  const values = parametersOf(beginning);
  const wrong = [...wrongStage(stage), ...wrongParameters(values)];
  if (!isDeploy) return wrong;
  return [...wrong, ...missingEventSource(values), ...(await wrongCredentials(beginning))];
}

function wrongStage(stage: string): string[] {
  if (/^[a-z][a-z0-9-]*$/i.test(stage) && stage.length <= MOST_OF_STAGE) return [];
  return [
    `Stage '${stage}' cannot be part of AWS's names: use 1 to ${MOST_OF_STAGE} letters, digits and hyphens, a letter first.`,
  ];
}

function missingEventSource({ salesforceEventSource }: Readonly<Record<string, unknown>>): string[] {
  if (!String(salesforceEventSource).includes(PLACEHOLDER)) return [];
  return [
    "Deploying needs the name of your Salesforce event source: copy it from Salesforce Setup > Event Relays > your relay > " +
      "Partner Event Source Name and pass it as --param='salesforceEventSource=aws.partner/salesforce.com/…'.",
  ];
}

/** What is no answer about the credentials, such as a network that is down, is left to the deploy to tell. */
async function wrongCredentials({ accountId }: Beginning): Promise<string[]> {
  try {
    await accountId();
    return [];
  } catch (error) {
    const { name, code, $metadata } = error as {
      name: string;
      code?: string;
      $metadata?: { httpStatusCode?: number };
    };
    const isMissing = name === "CredentialsProviderError" || code?.startsWith("AWS_CREDENTIALS_NOT_FOUND");
    if (isMissing)
      return [
        "Deploying needs AWS credentials, and there are none: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and " +
          "AWS_SECRET_ACCESS_KEY, or log in with 'aws sso login'.",
      ];
    const status = $metadata?.httpStatusCode ?? 0;
    return status >= 400 && status < 500
      ? [`AWS does not accept the credentials (${name}): renew them, or choose others with AWS_PROFILE.`]
      : [];
  }
}
