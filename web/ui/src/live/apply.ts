// What each channel's messages do to the store. Collections are bounded: what matters is the
// newest, and history is asked for over HTTP.
import type {
  Fill,
  Order,
  OrderEvent,
  Position,
  Quote,
  RiskState,
  SignalRecord,
  Summary,
  SystemEvent,
} from "@/api/types";
import type { Channel, Frame } from "./frames";
import type { LiveStore } from "./store";

export const ORDERS_KEPT_MAX = 300;
export const FILLS_KEPT_MAX = 200;
export const EVENTS_KEPT_MAX = 200;
export const SYMBOLS_KEPT_MAX = 500;

/** A live value and when it came, in milliseconds since 1970. */
export interface Received<T> {
  value: T;
  receivedAt: number;
}

export interface Portfolio {
  summary?: Summary | null;
  positions?: Position[] | null;
}

export interface ChannelFault {
  code: string;
  message: string;
}

export const keys = {
  portfolio: "portfolio",
  risk: "risk",
  orders: "orders",
  fills: "fills",
  events: "events",
  signals: "signals",
  symbols: "symbols",
  quote: (symbol: string) => `quote:${symbol}`,
  fault: (channel: Channel) => `fault:${channel}`,
} as const;

/** A map that forgets its oldest entry when it is full; setting a key makes it the newest. */
class BoundedMap<V> {
  readonly #entries = new Map<string, V>();
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#sizeMax) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  newestFirst(): V[] {
    return [...this.#entries.values()].reverse();
  }

  clear(): void {
    this.#entries.clear();
  }
}

interface OrdersData {
  events?: OrderEvent[] | null;
  orders?: Order[] | null;
  fills?: Fill[] | null;
}

export class ChannelState {
  readonly #store: LiveStore;
  readonly #now: () => number;
  readonly #orders = new BoundedMap<Order>(ORDERS_KEPT_MAX);
  readonly #fills = new BoundedMap<Fill>(FILLS_KEPT_MAX);
  readonly #events = new BoundedMap<SystemEvent>(EVENTS_KEPT_MAX);
  readonly #signals = new BoundedMap<SignalRecord>(EVENTS_KEPT_MAX);
  readonly #symbols = new Set<string>();
  readonly #faulty = new Set<Channel>();

  constructor(store: LiveStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Takes a snapshot, an update or an error of a channel. */
  apply(frame: Frame): void {
    const { channel, data } = frame;
    if (!channel || typeof data !== "object" || data === null) return;
    if (frame.type === "error") {
      this.#fail(channel, data as Partial<ChannelFault>);
      return;
    }
    this.#recover(channel);
    if (channel === "portfolio") this.#receive(keys.portfolio, data as Portfolio);
    else if (channel === "risk") this.#receive(keys.risk, data as RiskState);
    else if (channel === "orders") this.#applyOrders(data as OrdersData);
    else if (channel === "market_data") this.#applyQuotes((data as { quotes?: Quote[] }).quotes);
    else if (channel === "system") this.#applyEvents((data as { events?: SystemEvent[] }).events);
    else if (channel === "signals") this.#applySignals(data);
  }

  /** Forgets everything, as after signing out. */
  clear(): void {
    for (const map of [this.#orders, this.#fills, this.#events, this.#signals]) map.clear();
    this.#symbols.clear();
    this.#faulty.clear();
    this.#store.clear();
  }

  #receive<T>(key: string, value: T): void {
    this.#store.put(key, { value, receivedAt: this.#now() } satisfies Received<T>);
  }

  #fail(channel: Channel, fault: Partial<ChannelFault>): void {
    this.#faulty.add(channel);
    const code = fault.code ?? "UNAVAILABLE";
    this.#store.put(keys.fault(channel), { code, message: fault.message ?? code });
  }

  #recover(channel: Channel): void {
    if (this.#faulty.delete(channel)) this.#store.put(keys.fault(channel), undefined);
  }

  #applyOrders(data: OrdersData): void {
    for (const order of data.orders ?? []) this.#keepOrder(order);
    for (const fill of data.fills ?? []) this.#keepFill(fill);
    for (const event of data.events ?? []) {
      if (event.order) this.#keepOrder(event.order);
      if (event.fill) this.#keepFill(event.fill);
    }
    this.#store.putLazily(keys.orders, () => this.#orders.newestFirst());
    this.#store.putLazily(keys.fills, () => this.#fills.newestFirst());
  }

  #keepOrder(order: Order): void {
    if (order.id) this.#orders.set(order.id, order);
  }

  #keepFill(fill: Fill): void {
    if (fill.execution_id) this.#fills.set(`${fill.account ?? ""}/${fill.execution_id}`, fill);
  }

  #applyQuotes(quotes: Quote[] | null | undefined): void {
    for (const quote of quotes ?? []) {
      if (!quote.symbol) continue;
      if (!this.#symbols.has(quote.symbol)) {
        if (this.#symbols.size >= SYMBOLS_KEPT_MAX) continue;
        this.#symbols.add(quote.symbol);
        this.#store.putLazily(keys.symbols, () => [...this.#symbols].sort());
      }
      this.#receive(keys.quote(quote.symbol), quote);
    }
  }

  #applyEvents(events: SystemEvent[] | null | undefined): void {
    for (const event of events ?? []) if (event.id) this.#events.set(event.id, event);
    this.#store.putLazily(keys.events, () => this.#events.newestFirst());
  }

  #applySignals(data: object): void {
    const batch = (data as { signals?: SignalRecord[] }).signals ?? [data as SignalRecord];
    for (const record of batch) {
      if (record.signal?.id) this.#signals.set(record.signal.id, record);
    }
    this.#store.putLazily(keys.signals, () => this.#signals.newestFirst());
  }
}
