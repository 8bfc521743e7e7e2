// The connection to /ws as a state machine. A half-open socket fires no event, so silence is
// measured on a fixed tick; every wait is bounded and jittered. Time, chance and the socket itself
// are handed in, so that tests can play hours in milliseconds.

export type LinkState = "connecting" | "live" | "stale" | "offline";

export interface Link {
  state: LinkState;
  /** Round trip of the last ping; null before the first. */
  latencyMs: number | null;
  /** When the last message came, in milliseconds since 1970; null before the first. */
  lastMessageAt: number | null;
}

export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface LinkPorts {
  open(): Socket;
  now(): number;
  random(): number;
  setTimer(task: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
}

export interface LinkHandlers {
  /** The socket is open; subscriptions are sent here. */
  onOpen(): void;
  /** Says whether the message shows that the server serves us: only then waits become short. */
  onMessage(data: unknown): boolean;
  onLink(link: Link): void;
  /** The server turned the connection away; resolves when another try makes sense. */
  onRefused(): Promise<void>;
}

export const TICK_MS = 1_000;
export const STALE_AFTER_MS = 10_000;
export const DEAD_AFTER_MS = 15_000;
export const OPEN_WITHIN_MS = 10_000;
export const PING_EVERY_MS = 10_000;
export const PROBE_WITHIN_MS = 3_000;
export const BACKOFF_MS = { min: 500, max: 15_000 } as const;
// Close codes that mean "you may not", so signing in again is what helps, not another try.
const REFUSED_CODES = new Set([1008, 4401, 4403]);

/** The wait before try number `attempt` (from 0): doubling, capped, half of it random. */
export function backoffMs(attempt: number, random: number): number {
  const full = Math.min(BACKOFF_MS.max, BACKOFF_MS.min * 2 ** Math.min(attempt, 10));
  return full * (0.5 + random / 2);
}

type Phase = "idle" | "opening" | "open" | "waiting";

export class LiveLink {
  readonly #ports: LinkPorts;
  readonly #handlers: LinkHandlers;
  #phase: Phase = "idle";
  #socket: Socket | null = null;
  #attempt = 0;
  #phaseSince = 0;
  #heardAt = 0;
  #lastMessageAt: number | null = null;
  #pingSentAt: number | null = null;
  #pingedAt = 0;
  #probeUntil: number | null = null;
  #latencyMs: number | null = null;
  #retryTimer: unknown = null;
  #tickTimer: unknown = null;
  #link: Link = { state: "connecting", latencyMs: null, lastMessageAt: null };

  constructor(ports: LinkPorts, handlers: LinkHandlers) {
    this.#ports = ports;
    this.#handlers = handlers;
  }

  get link(): Link {
    return this.#link;
  }

  start(): void {
    if (this.#phase !== "idle") return;
    this.#attempt = 0;
    this.#connect();
    this.#scheduleTick();
  }

  stop(): void {
    this.#dropSocket();
    this.#ports.clearTimer(this.#retryTimer);
    this.#ports.clearTimer(this.#tickTimer);
    this.#enter("idle");
    this.#lastMessageAt = null;
    this.#latencyMs = null;
  }

  /** Sends when the socket is open; says whether it did. */
  send(message: object): boolean {
    if (this.#phase !== "open" || !this.#socket) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** The page came back or the network changed: find out at once instead of at the next tick. */
  wake(): void {
    if (this.#phase === "waiting") this.#connect();
    else if (this.#phase === "open") {
      this.#probeUntil = this.#ports.now() + PROBE_WITHIN_MS;
      this.#ping();
      this.#ports.setTimer(() => this.#checkProbe(), PROBE_WITHIN_MS);
    }
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#phaseSince = this.#ports.now();
    this.#publish();
  }

  #connect(): void {
    this.#ports.clearTimer(this.#retryTimer);
    this.#dropSocket();
    this.#enter("opening");
    const socket = this.#ports.open();
    this.#socket = socket;
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (event) => this.#received(socket, event.data);
    socket.onclose = (event) => this.#closed(socket, event.code);
  }

  #opened(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#heardAt = this.#ports.now();
    this.#enter("open");
    this.#handlers.onOpen();
    this.#ping();
  }

  #received(socket: Socket, data: unknown): void {
    if (socket !== this.#socket) return;
    const now = this.#ports.now();
    this.#heardAt = now;
    this.#lastMessageAt = now;
    this.#probeUntil = null;
    if (this.#handlers.onMessage(data)) this.#attempt = 0;
    this.#publish();
  }

  /** Tells the link that a pong came. */
  ponged(): void {
    if (this.#pingSentAt === null) return;
    this.#latencyMs = Math.round(this.#ports.now() - this.#pingSentAt);
    this.#pingSentAt = null;
  }

  #closed(socket: Socket, code: number): void {
    if (socket !== this.#socket) return;
    const neverOpened = this.#phase === "opening";
    this.#socket = null;
    const refused = neverOpened || REFUSED_CODES.has(code);
    this.#retry(refused);
  }

  /** Gives the connection up and tries again after a wait; asks about the sign-in when refused. */
  #retry(refused: boolean): void {
    this.#dropSocket();
    const delayMs = backoffMs(this.#attempt, this.#ports.random());
    this.#attempt += 1;
    this.#enter("waiting");
    this.#retryTimer = this.#ports.setTimer(() => {
      if (this.#phase !== "waiting") return;
      if (!refused) return this.#connect();
      const reconnect = () => this.#phase === "waiting" && this.#connect();
      this.#handlers.onRefused().then(reconnect, reconnect);
    }, delayMs);
  }

  #dropSocket(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#pingSentAt = null;
    this.#probeUntil = null;
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  #ping(): void {
    this.#pingedAt = this.#ports.now();
    if (this.send({ action: "ping" })) this.#pingSentAt = this.#pingedAt;
  }

  #checkProbe(): void {
    const late = this.#probeUntil !== null && this.#ports.now() >= this.#probeUntil;
    if (late && this.#phase === "open") this.#retry(false);
  }

  #scheduleTick(): void {
    this.#tickTimer = this.#ports.setTimer(() => {
      this.#tick();
      if (this.#phase !== "idle") this.#scheduleTick();
    }, TICK_MS);
  }

  #tick(): void {
    const now = this.#ports.now();
    const openingTooLong = this.#phase === "opening" && now - this.#phaseSince > OPEN_WITHIN_MS;
    const silentTooLong = this.#phase === "open" && now - this.#heardAt > DEAD_AFTER_MS;
    if (openingTooLong || silentTooLong) this.#retry(openingTooLong);
    else if (this.#phase === "open" && now - this.#pingedAt >= PING_EVERY_MS) this.#ping();
    this.#publish();
  }

  #state(): LinkState {
    if (this.#phase === "open") {
      if (this.#ports.now() - this.#heardAt > STALE_AFTER_MS) return "stale";
      return this.#lastMessageAt !== null && this.#lastMessageAt >= this.#phaseSince
        ? "live"
        : "connecting";
    }
    return this.#attempt > 1 ? "offline" : "connecting";
  }

  #publish(): void {
    const state = this.#state();
    const latencyMs = this.#latencyMs;
    const before = this.#link;
    // While live, the time of the last message changes with every message: it is only of interest
    // once the link is not live any more.
    const same = before.state === state && before.latencyMs === latencyMs;
    this.#link = { state, latencyMs, lastMessageAt: this.#lastMessageAt };
    if (!same) this.#handlers.onLink(this.#link);
  }
}
