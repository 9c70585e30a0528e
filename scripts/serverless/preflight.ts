import { PLACEHOLDER } from "./orgs.ts";
import { type Given, parametersOf, wrongParameters } from "./parameters.ts";

/** Longest name of a stage: longer ones leave no room for the names of things. */
const MOST_OF_STAGE = 20;

/** What is known before anything is packaged. */
export interface Beginning extends Given {
  readonly isDeploy: boolean;
  /** Asks AWS whose credentials these are. */
  accountId(): Promise<unknown>;
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
