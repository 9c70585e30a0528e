import { z } from "zod";

const meta = z.looseObject({ channel: z.string(), id: z.string().optional(), clientId: z.string().optional() });

/** What clients send: one message or several. */
export const incomingSchema = z
  .union([z.array(meta), meta])
  .transform((given) => (Array.isArray(given) ? given : [given]));
export type Incoming = z.output<typeof meta>;
export type Outgoing = Readonly<Record<string, unknown>>;

export const AUTHENTICATION_INVALID = "401::Authentication invalid";
export const SERVER_BUSY = "503::Server is too busy. Please try your request again later.";
export const LIMIT_EXCEEDED = "403::Organization total events daily limit exceeded";

/** The members by which a client recognises an answer to its message. */
export function answerTo({ channel, id, clientId }: Incoming, members: Outgoing): Outgoing {
  return { ...(clientId === undefined ? {} : { clientId }), channel, ...(id === undefined ? {} : { id }), ...members };
}

export function handshakeDenied(message: Incoming, failureReason: string): Outgoing {
  return answerTo(message, {
    ext: { sfdc: { failureReason }, replay: true },
    advice: { reconnect: "none" },
    error: "403::Handshake denied",
    successful: false,
  });
}

export function handshakeDone(message: Incoming, clientId: string): Outgoing {
  return {
    ext: { replay: true, "payload.format": true },
    minimumVersion: "1.0",
    clientId,
    supportedConnectionTypes: ["long-polling"],
    channel: "/meta/handshake",
    ...(message.id === undefined ? {} : { id: message.id }),
    version: "1.0",
    successful: true,
  };
}

export function unknownClient(message: Incoming): Outgoing {
  return answerTo(message, {
    error: "403::Unknown client",
    successful: false,
    advice: { interval: 0, reconnect: "handshake" },
  });
}

/** A connect that ends the connection for good, such as after the session has expired. */
export function connectRefused(message: Incoming, error: string): Outgoing {
  return answerTo(message, { advice: { reconnect: "none", interval: 0 }, error, successful: false });
}

/** Two spaces after "invalid.", as the server has them. */
export function invalidReplayId(replayId: number): string {
  return `400::The replayId {${replayId}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.`;
}

export function channelNotInReplayMap(channel: string, map: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(map).map(([name, id]) => `${name}=${String(id)}`);
  return `400::The replayId for channel {${channel}} wasn't found using the provided replay ID map {{${shown.join(", ")}}}. Ensure that the channel name you provided in the replay map is valid and matches the channel name used for subscribing.`;
}
