/** What an error code says about trying again. */
export type Verdict =
  /** Passes by itself. */
  | "passes"
  /** Passes by itself, and asks for fewer messages until then. */
  | "slow-down"
  /** The connection does not work for any message: a person must mend token, permissions or channel. */
  | "connection"
  /** This message is refused, and would be again. */
  | "message";

const POST_MESSAGE = "https://docs.slack.dev/reference/methods/chat.postMessage#errors";
const RATE_LIMITS = "https://docs.slack.dev/apis/web-api/rate-limits";

/** The known error codes of `chat.postMessage`, with where each is told. What is not here is tried again. */
export const SLACK_ERRORS: Readonly<Record<string, readonly [verdict: Verdict, source: string]>> = {
  internal_error: ["passes", POST_MESSAGE],
  fatal_error: ["passes", POST_MESSAGE],
  service_unavailable: ["passes", POST_MESSAGE],
  // The posted data did not arrive whole.
  request_timeout: ["passes", POST_MESSAGE],
  // Both last as long as the workspace moves to an Enterprise organisation.
  team_added_to_org: ["passes", POST_MESSAGE],
  org_login_required: ["passes", POST_MESSAGE],

  ratelimited: ["slow-down", RATE_LIMITS],
  rate_limited: ["slow-down", POST_MESSAGE],
  message_limit_exceeded: ["slow-down", POST_MESSAGE],

  not_authed: ["connection", POST_MESSAGE],
  invalid_auth: ["connection", POST_MESSAGE],
  account_inactive: ["connection", POST_MESSAGE],
  token_revoked: ["connection", POST_MESSAGE],
  token_expired: ["connection", POST_MESSAGE],
  not_allowed_token_type: ["connection", POST_MESSAGE],
  missing_scope: ["connection", POST_MESSAGE],
  no_permission: ["connection", POST_MESSAGE],
  access_denied: ["connection", POST_MESSAGE],
  accesslimited: ["connection", POST_MESSAGE],
  ekm_access_denied: ["connection", POST_MESSAGE],
  enterprise_is_restricted: ["connection", POST_MESSAGE],
  team_access_not_granted: ["connection", POST_MESSAGE],
  team_not_found: ["connection", POST_MESSAGE],
  two_factor_setup_required: ["connection", POST_MESSAGE],
  channel_not_found: ["connection", POST_MESSAGE],
  not_in_channel: ["connection", POST_MESSAGE],
  is_archived: ["connection", POST_MESSAGE],
  messages_tab_disabled: ["connection", POST_MESSAGE],
  restricted_action: ["connection", POST_MESSAGE],
  restricted_action_read_only_channel: ["connection", POST_MESSAGE],
  restricted_action_thread_only_channel: ["connection", POST_MESSAGE],
  restricted_action_non_threadable_channel: ["connection", POST_MESSAGE],
  restricted_action_thread_locked: ["connection", POST_MESSAGE],
  method_deprecated: ["connection", POST_MESSAGE],
  deprecated_endpoint: ["connection", POST_MESSAGE],

  msg_too_long: ["message", POST_MESSAGE],
  msg_blocks_too_long: ["message", POST_MESSAGE],
  invalid_blocks: ["message", POST_MESSAGE],
  invalid_blocks_format: ["message", POST_MESSAGE],
  no_text: ["message", POST_MESSAGE],
  markdown_text_conflict: ["message", POST_MESSAGE],
  too_many_attachments: ["message", POST_MESSAGE],
  attachment_payload_limit_exceeded: ["message", POST_MESSAGE],
  too_many_contact_cards: ["message", POST_MESSAGE],
  cannot_reply_to_message: ["message", POST_MESSAGE],
  as_user_not_supported: ["message", POST_MESSAGE],
  invalid_metadata_format: ["message", POST_MESSAGE],
  invalid_metadata_schema: ["message", POST_MESSAGE],
  metadata_too_large: ["message", POST_MESSAGE],
  metadata_must_be_sent_from_app: ["message", POST_MESSAGE],
  missing_file_data: ["message", POST_MESSAGE],
  slack_connect_file_link_sharing_blocked: ["message", POST_MESSAGE],
  slack_connect_canvas_sharing_blocked: ["message", POST_MESSAGE],
  slack_connect_lists_sharing_blocked: ["message", POST_MESSAGE],
  invalid_arguments: ["message", POST_MESSAGE],
  invalid_arg_name: ["message", POST_MESSAGE],
  invalid_array_arg: ["message", POST_MESSAGE],
  invalid_charset: ["message", POST_MESSAGE],
  invalid_form_data: ["message", POST_MESSAGE],
  invalid_post_type: ["message", POST_MESSAGE],
  missing_post_type: ["message", POST_MESSAGE],
};

/** Statuses beside 200 that are final; Slack uses hardly any, and every other one is tried again. */
export const SLACK_STATUSES: Readonly<Record<number, Verdict>> = {
  401: "connection",
  403: "connection",
  // Larger than any server on the way takes.
  413: "message",
  414: "message",
  431: "message",
};
