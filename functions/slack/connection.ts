import { z } from "zod";

/** The secret that connects to one Slack workspace and says where the notices go. */
export const slackConnectionSchema = z.looseObject({
  /** A bot token with the scope `chat:write`. */
  token: z.string().min(1),
  /** Another address than https://slack.com/api/, such as an emulator's. */
  apiUrl: z.url().optional(),
  /** Channel id, such as `C0123456789`; the bot must be a member. */
  channel: z.string().min(1),
});

export type SlackConnection = z.infer<typeof slackConnectionSchema>;

/** Reads the connection; `forceFetch` goes past the cache, after the token was refused. */
export type Connect = (options: { forceFetch: boolean }) => Promise<SlackConnection>;
