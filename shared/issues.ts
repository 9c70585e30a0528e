/** `path: problem` for every issue of a zod error; values are left out, as they may be personal data. */
export function describeIssues(issues: unknown): string {
  if (!Array.isArray(issues)) return "unreadable";
  return issues
    .map((issue: { path?: readonly unknown[]; message?: string }) => {
      const path = issue.path?.map((part) => (typeof part === "object" ? (part as { key: unknown }).key : part));
      return `${path?.join(".") || "(root)"}: ${issue.message}`;
    })
    .join("; ");
}
