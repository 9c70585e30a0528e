/**
 * What Slack takes in one message; lengths in UTF-16 units, never fewer than the characters Slack counts. The whole of a
 * message stays well below what was measured, as Slack publishes neither its limit nor its way of counting.
 */
export const SLACK_LIMITS = {
  /** Blocks of a message. */
  blocks: { max: 50, source: "https://docs.slack.dev/reference/block-kit/blocks" },
  /** Text of one section. */
  section: { max: 3_000, source: "https://docs.slack.dev/reference/block-kit/blocks/section-block" },
  /** Text of all blocks together, each block counted with some more; about 13,200 were measured. */
  message: { max: 10_000, perBlock: 150, source: "https://github.com/slackapi/bolt-js/issues/2509" },
  /** The text for notifications; Slack advises against a longer one. */
  text: { max: 4_000, source: "https://docs.slack.dev/reference/methods/chat.postMessage#truncating" },
  /** Messages to one channel. */
  rate: { perSecond: 1, source: "https://docs.slack.dev/apis/web-api/rate-limits" },
} as const;
