// The dashboard's one live connection: which channels are wanted, what came of them, and the hooks
// by which components read it.
import { useEffect, useSyncExternalStore } from "react";
import { ChannelState } from "./apply";
import { type Channel, type Frame, parseFrame, SequenceTracker } from "./frames";
import { type Link, type LinkPorts, LiveLink, type Socket } from "./link";
import { flushIntervalMs, LiveStore } from "./store";

const LINK_KEY = "link";
// A route change unsubscribes and subscribes again within moments: waiting saves the snapshot.
const LINGER_MS = 2_000;
// A snapshot that was asked for and did not come is asked for again.
const SNAPSHOT_WITHIN_MS = 8_000;

interface Subscription {
  wanted: number;
  tracker: SequenceTracker;
  askedAt: number;
}

export class LiveClient {
  readonly store: LiveStore;
  readonly #ports: LinkPorts;
  readonly #link: LiveLink;
  readonly #state: ChannelState;
  readonly #subscriptions = new Map<Channel, Subscription>();
  #checkSession: () => Promise<void> = () => Promise.resolve();
  #onRestored: () => void = () => {};
  #wasOpen = false;

  constructor(ports: LinkPorts, intervalMs: () => number = flushIntervalMs) {
    this.#ports = ports;
    this.store = new LiveStore({ ...ports, flushIntervalMs: intervalMs });
    this.#state = new ChannelState(this.store, ports.now);
    this.#link = new LiveLink(ports, {
      onOpen: () => this.#resubscribe(),
      onMessage: (data) => this.#receive(data),
      onLink: (link) => this.store.put(LINK_KEY, link),
      onRefused: () => this.#checkSession(),
    });
  }

  /**
   * Opens the connection and keeps it open until stop.
   *
   * @param checkSession finds out whether the person is still signed in when /ws is refused.
   * @param onRestored is called when a lost connection is back: missed changes must be fetched.
   */
  start(checkSession: () => Promise<void>, onRestored: () => void): void {
    this.#checkSession = checkSession;
    this.#onRestored = onRestored;
    this.#link.start();
  }

  stop(): void {
    this.#link.stop();
    this.#wasOpen = false;
    this.#state.clear();
    for (const subscription of this.#subscriptions.values()) subscription.tracker.reset();
  }

  wake(): void {
    this.#link.wake();
  }

  get link(): Link {
    return this.store.get<Link>(LINK_KEY) ?? this.#link.link;
  }

  /** The link right now, not as of the last flush; its lastMessageAt is always current. */
  get currentLink(): Link {
    return this.#link.link;
  }

  subscribeLink(listener: () => void): () => void {
    return this.store.subscribe(LINK_KEY, listener);
  }

  /** Asks for a channel until the returned function is called; calls are counted. */
  want(channel: Channel): () => void {
    let subscription = this.#subscriptions.get(channel);
    if (!subscription) {
      subscription = { wanted: 0, tracker: new SequenceTracker(), askedAt: 0 };
      this.#subscriptions.set(channel, subscription);
      this.#ask(channel, subscription);
    }
    const counted = subscription;
    counted.wanted += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      counted.wanted -= 1;
      this.#ports.setTimer(() => this.#release(channel, counted), LINGER_MS);
    };
  }

  #release(channel: Channel, subscription: Subscription): void {
    if (subscription.wanted > 0 || this.#subscriptions.get(channel) !== subscription) return;
    this.#subscriptions.delete(channel);
    this.#link.send({ action: "unsubscribe", channel });
  }

  #ask(channel: Channel, subscription: Subscription): void {
    subscription.tracker.reset();
    subscription.askedAt = this.#ports.now();
    this.#link.send({ action: "subscribe", channel });
  }

  #resubscribe(): void {
    for (const [channel, subscription] of this.#subscriptions) this.#ask(channel, subscription);
    if (this.#wasOpen) this.#onRestored();
    this.#wasOpen = true;
  }

  #receive(data: unknown): boolean {
    const frame = parseFrame(data);
    if (!frame) return false;
    if (frame.type === "pong") this.#link.ponged();
    this.#repeatUnanswered();
    this.#pass(frame);
    return frame.type !== "error";
  }

  #pass(frame: Frame): void {
    const subscription = frame.channel && this.#subscriptions.get(frame.channel);
    if (!frame.channel || !subscription) return;
    const verdict = frame.type === "error" ? "apply" : subscription.tracker.judge(frame);
    if (verdict === "apply") this.#state.apply(frame);
    else if (verdict === "gap") this.#ask(frame.channel, subscription);
  }

  #repeatUnanswered(): void {
    const now = this.#ports.now();
    for (const [channel, subscription] of this.#subscriptions) {
      const overdue = now - subscription.askedAt > SNAPSHOT_WITHIN_MS;
      if (subscription.tracker.waiting && overdue) this.#ask(channel, subscription);
    }
  }
}

function openSocket(): Socket {
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  return new WebSocket(`${scheme}://${window.location.host}/ws`) as Socket;
}

/** The connection of this page. */
export const live = new LiveClient({
  open: openSocket,
  now: () => Date.now(),
  random: () => Math.random(),
  setTimer: (task, delayMs) => window.setTimeout(task, delayMs),
  clearTimer: (timer) => window.clearTimeout(timer as number),
});

/** The newest published value of a key. */
export function useLive<T>(key: string): T | undefined {
  return useSyncExternalStore(
    (listener) => live.store.subscribe(key, listener),
    () => live.store.get<T>(key),
  );
}

/** How the connection is. */
export function useLink(): Link {
  return useSyncExternalStore(
    (listener) => live.subscribeLink(listener),
    () => live.link,
  );
}

/** Keeps a channel subscribed while the component is on the page. */
export function useChannel(channel: Channel): void {
  useEffect(() => live.want(channel), [channel]);
}
