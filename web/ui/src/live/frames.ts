// The messages of the WebSocket, and the bookkeeping that notices a lost one.

export const CHANNELS = [
  "market_data",
  "orders",
  "positions",
  "portfolio",
  "signals",
  "system",
  "risk",
] as const;

export type Channel = (typeof CHANNELS)[number];

export interface Frame {
  channel?: Channel;
  type: "snapshot" | "update" | "heartbeat" | "error" | "pong";
  /** Counts the messages of a channel, without gaps, within one epoch. */
  seq?: number;
  /** Changes when the counting begins anew. */
  epoch?: string;
  /** The server's time. */
  ts?: string;
  data?: unknown;
}

/** Reads a message; null when it is none of ours. */
export function parseFrame(text: unknown): Frame | null {
  if (typeof text !== "string") return null;
  try {
    const frame: unknown = JSON.parse(text);
    const isFrame = typeof frame === "object" && frame !== null && "type" in frame;
    return isFrame ? (frame as Frame) : null;
  } catch {
    return null;
  }
}

export type Verdict = "apply" | "ignore" | "gap";

/** Follows the sequence of one channel: snapshot first, then every update once and in order. */
export class SequenceTracker {
  #epoch: string | undefined;
  #seq: number | null = null;

  /** Waits for a snapshot again. */
  reset(): void {
    this.#seq = null;
  }

  get waiting(): boolean {
    return this.#seq === null;
  }

  /** What to do with a message; a gap is told once, until the next snapshot. */
  judge(frame: Frame): Verdict {
    if (frame.type === "snapshot") {
      this.#epoch = frame.epoch;
      this.#seq = frame.seq ?? 0;
      return "apply";
    }
    if (frame.type !== "update" && frame.type !== "heartbeat") return "ignore";
    if (this.#seq === null) return "ignore";
    const seq = frame.seq;
    if (seq === undefined) return frame.type === "update" ? "apply" : "ignore";
    if (frame.epoch !== undefined && frame.epoch !== this.#epoch) return this.#gap();
    if (frame.type === "heartbeat") return seq > this.#seq ? this.#gap() : "ignore";
    if (seq <= this.#seq) return "ignore";
    if (seq > this.#seq + 1) return this.#gap();
    this.#seq = seq;
    return "apply";
  }

  #gap(): Verdict {
    this.#seq = null;
    return "gap";
  }
}
