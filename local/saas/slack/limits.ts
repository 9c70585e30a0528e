import { z } from "zod";

const MAX_BLOCKS = 50;
const MAX_SECTION = 3_000;
/**
 * Characters of all blocks' text together, where each block counts for some more. Slack does not publish it; measured
 * with one block of markdown, and with a divider beside it: https://github.com/slackapi/bolt-js/issues/2509
 */
const MAX_TEXT_OF_BLOCKS = 13_297;
const PER_FURTHER_BLOCK = 125;
/** Slack itself cuts off longer ones or refuses them. https://docs.slack.dev/reference/methods/chat.postMessage#truncating */
const MAX_TEXT = 40_000;

const blocksSchema = z.array(
  z.looseObject({ type: z.string(), text: z.looseObject({ type: z.string(), text: z.string() }).optional() }),
);

/**
 * The error code with which Slack refuses a message to be posted, as far as its size goes; undefined when it takes it.
 * @param body of `chat.postMessage`, a form or JSON
 */
export function refuseSize(body: string, contentType: string): string | undefined {
  const { text, blocks } = membersOf(body, contentType);
  if (typeof text === "string" && text.length > MAX_TEXT) return "msg_too_long";
  if (blocks === undefined || blocks === "") return undefined;
  const parsed = blocksSchema.safeParse(typeof blocks === "string" ? parse(blocks) : blocks);
  if (!parsed.success) return "invalid_blocks_format";
  const lengths = parsed.data.map((block) => block.text?.text.length ?? 0);
  const sections = parsed.data.filter(({ type }) => type === "section");
  const misfit = sections.some(
    ({ text: own }) => own !== undefined && (own.text === "" || own.text.length > MAX_SECTION),
  );
  if (misfit || lengths.length > MAX_BLOCKS) return "invalid_blocks";
  const total = lengths.reduce((sum, length) => sum + length + PER_FURTHER_BLOCK, -PER_FURTHER_BLOCK);
  return total > MAX_TEXT_OF_BLOCKS ? "msg_blocks_too_long" : undefined;
}

function membersOf(body: string, contentType: string): { text?: unknown; blocks?: unknown } {
  if (contentType.includes("json")) return (parse(body) ?? {}) as { text?: unknown; blocks?: unknown };
  return Object.fromEntries(new URLSearchParams(body));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
