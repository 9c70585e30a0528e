import { memberIn } from "./words.ts";

/** `path: problem` for every issue of a zod error; values are left out, as they may be personal data. */
export function describeIssues(issues: unknown): string {
  if (!Array.isArray(issues)) return "unreadable";
  return issues
    .map((issue: { path?: readonly unknown[]; code?: string; message?: string }) => {
      const path = issue.path?.map((part) => (typeof part === "object" ? (part as { key: unknown }).key : part));
      // Names of unknown members come from the input, and so do the keys of a map.
      const names = path?.map((part) => (typeof part === "number" ? part : (memberIn(part) ?? "…")));
      const problem = issue.code === "unrecognized_keys" ? "has unknown members" : issue.message;
      return `${names?.join(".") || "(root)"}: ${problem}`;
    })
    .join("; ");
}
