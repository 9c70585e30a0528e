import { TWIN_FOLDER } from "../../cli/endpoint.ts";
import type { Paint } from "../../cli/trace/render.ts";
import type { Fleet } from "../fleet.ts";
import type { Report } from "./run.ts";

/** The report as a person reads it. */
export function describeReport(report: Report, paint: Paint): string {
  const { ok, ms, store, billing, slack, account, trace, error, failedHop } = report;
  const row = (target: string, text: string | null) =>
    `  ${text === null ? paint("red", "✗") : paint("green", "✓")} ${target.padEnd(9)} ${text ?? "nothing"}`;
  const traceText =
    trace && `${trace.segments} segments, ${trace.roots} root, ${trace.orphans} orphans: ${report.traceId}`;
  return [
    "",
    ok
      ? paint("green", `In step after ${ms} ms.`)
      : paint("red", `Not in step after ${ms} ms: stopped at ${failedHop}. ${error}`),
    row("store", store && `${store.name}, ${store.phone}, version ${store.version}`),
    row("billing", billing && `${billing.id}, ${billing.name}, ${billing.phone}`),
    row("slack", slack && `${slack.text.split("\n")[0]}`),
    row("account", account && `written back: ${account.state}, ${account.stripeCustomerId}, ${account.syncedAt}`),
    row("trace", traceText),
    `  correlation ${report.correlationId ?? "unknown"}`,
  ].join("\n");
}

/** What to try next, with the addresses of this fleet. `fleet` finds the one on the usual state by itself. */
export function describeRunning({ twin, saas }: Fleet, stateDir = TWIN_FOLDER): string {
  const isUsual = stateDir === TWIN_FOLDER;
  const endpoint = isUsual ? "" : `AWS_ENDPOINT_URL=${twin.origin} `;
  return `
Try next:
  edit an account        ${saas.page.url}
  see the last trace     ${endpoint}npx fleet trace <customer id>
  see if all is well     ${endpoint}npx fleet status
  talk to the local AWS  AWS_ENDPOINT_URL=${twin.origin} (any credentials; region us-east-1)
  Salesforce, Stripe, Slack at ${saas.salesforce.url}, ${saas.stripe.url}, ${saas.slack.url}

Ctrl-C stops; the state stays in ${isUsual ? ".twin" : stateDir}/ (npm start -- --reset forgets it).`;
}
