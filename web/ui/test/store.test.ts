import { describe, expect, it, vi } from "vitest";
import { FLUSH_INTERVAL_MS, LiveStore } from "@/live/store";
import { FakeTime } from "./fake_time";

function storeWith(intervalMs: () => number = () => 100) {
  const time = new FakeTime();
  const store = new LiveStore({ ...time, flushIntervalMs: intervalMs });
  return { time, store };
}

describe("LiveStore", () => {
  it("tells a thousand changes of a key as one, with the newest value", async () => {
    const { time, store } = storeWith();
    await time.advance(1_000);
    const listener = vi.fn();
    store.subscribe("quote:ACME", listener);
    for (let price = 1; price <= 1_000; price += 1) store.put("quote:ACME", price);
    expect(store.get("quote:ACME")).toBeUndefined();
    await time.advance(0);
    expect(listener).toHaveBeenCalledTimes(1);
    expect(store.get("quote:ACME")).toBe(1_000);
  });

  it("flushes at most ten times a second under 2,000 messages a second, losing no last value", async () => {
    const { time, store } = storeWith(() => FLUSH_INTERVAL_MS.desktop);
    const listener = vi.fn();
    store.subscribe("quote:ACME", listener);
    for (let tick = 0; tick < 2_000; tick += 1) {
      store.put("quote:ACME", tick);
      await time.advance(0.5);
    }
    expect(listener.mock.calls.length).toBeLessThanOrEqual(11);
    await time.advance(100);
    expect(store.get("quote:ACME")).toBe(1_999);
  });

  it("tells only the listeners of keys that changed, each once", async () => {
    const { time, store } = storeWith();
    const [acme, globex, both] = [vi.fn(), vi.fn(), vi.fn()];
    store.subscribe("quote:ACME", acme);
    store.subscribe("quote:GLOBEX", globex);
    store.subscribe("quote:ACME", both);
    store.subscribe("risk", both);
    store.put("quote:ACME", 1);
    store.put("risk", 2);
    await time.advance(100);
    expect(acme).toHaveBeenCalledTimes(1);
    expect(globex).not.toHaveBeenCalled();
    expect(both).toHaveBeenCalledTimes(1);
  });

  it("builds a lazy value once for each flush, however often it was announced", async () => {
    const { time, store } = storeWith();
    const produce = vi.fn(() => ["order"]);
    for (let times = 0; times < 50; times += 1) store.putLazily("orders", produce);
    await time.advance(100);
    expect(produce).toHaveBeenCalledTimes(1);
  });

  it("asks for the interval before each flush, so a hidden page slows down", async () => {
    let intervalMs: number = FLUSH_INTERVAL_MS.desktop;
    const { time, store } = storeWith(() => intervalMs);
    const listener = vi.fn();
    store.subscribe("risk", listener);
    store.put("risk", 1);
    await time.advance(0);
    intervalMs = FLUSH_INTERVAL_MS.hidden;
    store.put("risk", 2);
    await time.advance(900);
    expect(listener).toHaveBeenCalledTimes(1);
    await time.advance(100);
    expect(listener).toHaveBeenCalledTimes(2);
  });

  it("stops telling a listener that has left, and keeps no timer while nothing changes", async () => {
    const { time, store } = storeWith();
    const listener = vi.fn();
    const leave = store.subscribe("risk", listener);
    leave();
    store.put("risk", 1);
    await time.advance(200);
    expect(listener).not.toHaveBeenCalled();
    expect(time.pending).toBe(0);
  });
});
