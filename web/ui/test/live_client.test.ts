import { describe, expect, it, vi } from "vitest";
import type { Order, Quote } from "@/api/types";
import { keys, ORDERS_KEPT_MAX, type Portfolio, type Received } from "@/live/apply";
import { LiveClient } from "@/live/client";
import { FakeServer } from "./fake_socket";
import { FakeTime } from "./fake_time";

async function started() {
  const time = new FakeTime();
  const server = new FakeServer();
  const restored = vi.fn();
  const client = new LiveClient({ ...time, open: server.open, random: () => 1 }, () => 100);
  client.start(() => Promise.resolve(), restored);
  server.newest.accept();
  return { time, server, client, restored };
}

const portfolio = (type: string, seq: number, equity: string, epoch = "e1") => ({
  channel: "portfolio",
  type,
  seq,
  epoch,
  data: { summary: { equity }, positions: [] },
});

const equityIn = (client: LiveClient) =>
  client.store.get<Received<Portfolio>>(keys.portfolio)?.value.summary?.equity;

describe("LiveClient", () => {
  it("subscribes to what is wanted, once, and shows snapshot and updates in order", async () => {
    const { time, server, client } = await started();
    client.want("portfolio");
    client.want("portfolio");
    expect(server.newest.actions("subscribe")).toHaveLength(1);
    server.newest.tell(portfolio("snapshot", 7, "100"));
    server.newest.tell(portfolio("update", 8, "101"));
    await time.advance(200);
    expect(equityIn(client)).toBe("101");
  });

  it("ignores updates before the snapshot and repeated ones", async () => {
    const { time, server, client } = await started();
    client.want("portfolio");
    server.newest.tell(portfolio("update", 3, "1"));
    server.newest.tell(portfolio("snapshot", 7, "100"));
    server.newest.tell(portfolio("update", 7, "2"));
    await time.advance(200);
    expect(equityIn(client)).toBe("100");
  });

  it("asks for a new snapshot once when an update is missing, and drops what follows the gap", async () => {
    const { time, server, client } = await started();
    client.want("portfolio");
    server.newest.tell(portfolio("snapshot", 1, "100"));
    server.newest.tell(portfolio("update", 3, "103"));
    server.newest.tell(portfolio("update", 4, "104"));
    expect(server.newest.actions("subscribe")).toHaveLength(2);
    await time.advance(200);
    expect(equityIn(client)).toBe("100");
    server.newest.tell(portfolio("snapshot", 4, "104"));
    await time.advance(200);
    expect(equityIn(client)).toBe("104");
  });

  it("takes another epoch for a gap: the numbers began anew", async () => {
    const { server, client } = await started();
    client.want("portfolio");
    server.newest.tell(portfolio("snapshot", 5, "100"));
    server.newest.tell(portfolio("update", 6, "101", "e2"));
    expect(server.newest.actions("subscribe")).toHaveLength(2);
  });

  it("notices by the heartbeat that the last update was lost", async () => {
    const { server, client } = await started();
    client.want("risk");
    server.newest.tell({ channel: "risk", type: "snapshot", seq: 1, epoch: "e", data: {} });
    server.newest.tell({ channel: "risk", type: "heartbeat", seq: 1, epoch: "e" });
    expect(server.newest.actions("subscribe")).toHaveLength(1);
    server.newest.tell({ channel: "risk", type: "heartbeat", seq: 2, epoch: "e" });
    expect(server.newest.actions("subscribe")).toHaveLength(2);
  });

  it("subscribes again and says so after a connection was lost", async () => {
    const { time, server, client, restored } = await started();
    client.want("portfolio");
    server.newest.tell(portfolio("snapshot", 1, "100"));
    server.newest.end();
    await time.advance(600);
    server.newest.accept();
    expect(server.sockets).toHaveLength(2);
    expect(server.newest.actions("subscribe")).toHaveLength(1);
    expect(restored).toHaveBeenCalledTimes(1);
  });

  it("unsubscribes a while after the last reader has left, not when another took over", async () => {
    const { time, server, client } = await started();
    const first = client.want("orders");
    first();
    const second = client.want("orders");
    await time.advance(3_000);
    expect(server.newest.actions("unsubscribe")).toHaveLength(0);
    second();
    await time.advance(3_000);
    expect(server.newest.actions("unsubscribe")).toHaveLength(1);
  });

  it("shows that a channel fails and forgets it with the next snapshot", async () => {
    const { time, server, client } = await started();
    client.want("portfolio");
    const data = { code: "SERVICE_UNAVAILABLE", message: "portfolio does not answer" };
    server.newest.tell({ channel: "portfolio", type: "error", data });
    await time.advance(200);
    expect(client.store.get(keys.fault("portfolio"))).toEqual(data);
    server.newest.tell(portfolio("snapshot", 1, "100"));
    await time.advance(200);
    expect(client.store.get(keys.fault("portfolio"))).toBeUndefined();
  });

  it("asks again for a snapshot that does not come", async () => {
    const { time, server, client } = await started();
    client.want("portfolio");
    for (let second = 0; second < 10; second += 1) {
      await time.advance(1_000);
      server.newest.tell({ type: "heartbeat" });
    }
    expect(server.newest.actions("subscribe")).toHaveLength(2);
  });

  it("keeps a bounded number of orders, the newest version of each", async () => {
    const { time, server, client } = await started();
    client.want("orders");
    const order = (id: number, status: string) => ({ order: { id: `o${id}`, status } });
    const events = Array.from({ length: ORDERS_KEPT_MAX + 50 }, (_, id) => order(id, "accepted"));
    events.push(order(ORDERS_KEPT_MAX, "filled"));
    server.newest.tell({ channel: "orders", type: "snapshot", seq: 1, data: { events } });
    await time.advance(200);
    const kept = client.store.get<Order[]>(keys.orders) ?? [];
    expect(kept).toHaveLength(ORDERS_KEPT_MAX);
    expect(kept[0]).toEqual({ id: `o${ORDERS_KEPT_MAX}`, status: "filled" });
  });

  it("keeps quotes by symbol and lists the symbols in order", async () => {
    const { time, server, client } = await started();
    client.want("market_data");
    const quotes = [
      { symbol: "MSFT", last_price: "2" },
      { symbol: "AAPL", last_price: "1" },
    ];
    server.newest.tell({ channel: "market_data", type: "snapshot", seq: 1, data: { quotes } });
    await time.advance(200);
    expect(client.store.get(keys.symbols)).toEqual(["AAPL", "MSFT"]);
    const quote = client.store.get<Received<Quote>>(keys.quote("MSFT"));
    expect(quote?.value.last_price).toBe("2");
  });

  it("survives messages that are none", async () => {
    const { server, client } = await started();
    for (const data of ["", "{", "null", "[]", "7", new ArrayBuffer(4)]) {
      server.newest.onmessage?.({ data });
    }
    expect(client.currentLink.state).toBe("live");
  });
});
