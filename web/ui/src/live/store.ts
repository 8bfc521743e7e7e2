// Live values outside React. Messages write into plain maps at any rate; components hear of it at
// most ten times a second, each only of the keys it reads. Painting is what costs, not receiving.

export interface StorePorts {
  now(): number;
  setTimer(task: () => void, delayMs: number): unknown;
  /** Least time between two flushes in milliseconds, asked before each. */
  flushIntervalMs(): number;
}

type Produce = () => unknown;

export class LiveStore {
  readonly #ports: StorePorts;
  readonly #pending = new Map<string, Produce>();
  readonly #published = new Map<string, unknown>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #scheduled = false;
  #flushedAt = Number.NEGATIVE_INFINITY;

  constructor(ports: StorePorts) {
    this.#ports = ports;
  }

  /** Sets the newest value of a key; earlier ones since the last flush are forgotten. */
  put(key: string, value: unknown): void {
    this.putLazily(key, () => value);
  }

  /** Like put, for values that are dear to build: built once, when they are published. */
  putLazily(key: string, produce: Produce): void {
    this.#pending.set(key, produce);
    this.#schedule();
  }

  /** The value as of the last flush. */
  get<T>(key: string): T | undefined {
    return this.#published.get(key) as T | undefined;
  }

  subscribe(key: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(key);
    };
  }

  /** Publishes what came since the last time and tells the listeners of those keys once. */
  flush(): void {
    this.#scheduled = false;
    this.#flushedAt = this.#ports.now();
    const due = new Set<() => void>();
    for (const [key, produce] of this.#pending) {
      this.#published.set(key, produce());
      for (const listener of this.#listeners.get(key) ?? []) due.add(listener);
    }
    this.#pending.clear();
    for (const listener of due) listener();
  }

  /** Forgets everything, as after signing out. */
  clear(): void {
    this.#pending.clear();
    for (const key of this.#published.keys()) this.put(key, undefined);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const elapsed = this.#ports.now() - this.#flushedAt;
    const delayMs = Math.max(0, this.#ports.flushIntervalMs() - elapsed);
    this.#ports.setTimer(() => this.flush(), delayMs);
  }
}

export const FLUSH_INTERVAL_MS = { desktop: 100, smallScreen: 200, hidden: 1_000 } as const;

/** Ten flushes a second, five on a small screen, one while nobody looks. */
export function flushIntervalMs(): number {
  if (document.hidden) return FLUSH_INTERVAL_MS.hidden;
  const small = window.matchMedia("(max-width: 720px)").matches;
  return small ? FLUSH_INTERVAL_MS.smallScreen : FLUSH_INTERVAL_MS.desktop;
}
