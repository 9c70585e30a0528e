import { printable } from "../text.ts";
import type { Paint } from "../trace/render.ts";
import type { Check } from "./checks.ts";
import type { Report } from "./examine.ts";

/** One line for every check, and one more for what to do about a failed one. */
export function renderReports(reports: readonly Report[], paint: Paint): string {
  return reports.map((report) => renderReport(report, paint)).join("\n\n");
}

const TITLES: Readonly<Record<Report["system"], string>> = {
  salesforce: "Salesforce organisation",
  stripe: "Stripe",
  slack: "Slack",
};

function renderReport({ system, orgId, checks }: Report, paint: Paint): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.map((check) => renderCheck(check, width, paint));
  return [paint("bold", [TITLES[system], orgId].filter(Boolean).join(" ")), ...lines].join("\n");
}

function renderCheck({ name, ok, detail, advice }: Check, width: number, paint: Paint): string {
  const mark = ok ? paint("green", "✓") : paint("red", "✗");
  const line = `  ${mark} ${name.padEnd(width)}  ${oneLine(detail)}`;
  return advice ? `${line} ${paint("yellow", `→ ${advice}`)}` : line;
}

/** Salesforce writes some messages over several lines. */
function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, " ").trim());
}
