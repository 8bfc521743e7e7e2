import { describe, expect, it, vi } from "vitest";
import {
  BACKOFF_MS,
  backoffMs,
  DEAD_AFTER_MS,
  type Link,
  LiveLink,
  PROBE_WITHIN_MS,
  STALE_AFTER_MS,
  TICK_MS,
} from "@/live/link";
import { FakeServer } from "./fake_socket";
import { FakeTime } from "./fake_time";

function connect(random = 0.5) {
  const time = new FakeTime();
  const server = new FakeServer();
  const states: Link["state"][] = [];
  const onRefused = vi.fn(() => Promise.resolve());
  const onOpen = vi.fn();
  const link = new LiveLink(
    { ...time, open: server.open, random: () => random },
    {
      onOpen,
      onMessage: (data) => !String(data).includes("error"),
      onLink: (now) => states.push(now.state),
      onRefused,
    },
  );
  link.start();
  return { time, server, link, states, onRefused, onOpen };
}

const HEARTBEAT = { type: "heartbeat" };

describe("LiveLink", () => {
  it("is connecting until the first message, then live", () => {
    const { server, link } = connect();
    expect(link.link.state).toBe("connecting");
    server.newest.accept();
    expect(link.link.state).toBe("connecting");
    server.newest.tell(HEARTBEAT);
    expect(link.link.state).toBe("live");
  });

  it("turns stale by the clock when an open socket falls silent, and live again by a message", async () => {
    const { server, link, time } = connect();
    server.newest.accept();
    server.newest.tell(HEARTBEAT);
    await time.advance(STALE_AFTER_MS + TICK_MS);
    expect(link.link.state).toBe("stale");
    server.newest.tell(HEARTBEAT);
    expect(link.link.state).toBe("live");
  });

  it("gives a silent socket up without a close event and connects anew", async () => {
    const { server, time, link } = connect();
    server.newest.accept();
    server.newest.tell(HEARTBEAT);
    await time.advance(DEAD_AFTER_MS + 2 * TICK_MS);
    expect(server.sockets[0]?.closed).toBe(true);
    await time.advance(BACKOFF_MS.min);
    expect(server.sockets).toHaveLength(2);
    server.newest.accept();
    server.newest.tell(HEARTBEAT);
    expect(link.link.state).toBe("live");
  });

  it("waits longer after each failure, up to the cap, and says offline", async () => {
    const { server, time, link } = connect(1);
    const waits: number[] = [];
    for (let failure = 0; failure < 7; failure += 1) {
      const before = server.sockets.length;
      const failedAt = time.now();
      server.newest.end();
      while (server.sockets.length === before) await time.advance(50);
      waits.push(time.now() - failedAt);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    expect(link.link.state).toBe("offline");
  });

  it("spreads the waits of many clients over half of the delay", () => {
    expect(backoffMs(3, 0)).toBe(2_000);
    expect(backoffMs(3, 1)).toBe(4_000);
    expect(backoffMs(1_000, 1)).toBe(BACKOFF_MS.max);
  });

  it("begins with short waits again after a message came", async () => {
    const { server, time } = connect(1);
    for (let failure = 0; failure < 4; failure += 1) {
      server.newest.end();
      await time.advance(BACKOFF_MS.max);
    }
    server.newest.accept();
    server.newest.tell(HEARTBEAT);
    const before = server.sockets.length;
    server.newest.end();
    await time.advance(BACKOFF_MS.min);
    expect(server.sockets).toHaveLength(before + 1);
  });

  it("keeps waiting longer when the server accepts and drops at once", async () => {
    const { server, time } = connect(1);
    for (let drop = 0; drop < 3; drop += 1) {
      server.newest.accept();
      server.newest.end();
      await time.advance(BACKOFF_MS.min * 2 ** drop);
    }
    const before = server.sockets.length;
    server.newest.accept();
    server.newest.end();
    await time.advance(BACKOFF_MS.min * 4);
    expect(server.sockets).toHaveLength(before);
  });

  it("keeps waiting longer when the server only ever says no", async () => {
    const { server, time } = connect(1);
    for (let refusal = 0; refusal < 4; refusal += 1) {
      server.newest.accept();
      server.newest.tell({ type: "error", data: { code: "TOKEN_MISSING" } });
      server.newest.end(4401);
      await time.advance(BACKOFF_MS.min * 2 ** refusal);
    }
    expect(server.sockets).toHaveLength(5);
    server.newest.accept();
    server.newest.tell({ type: "error", data: { code: "TOKEN_MISSING" } });
    server.newest.end(4401);
    await time.advance(BACKOFF_MS.min * 2 ** 3);
    expect(server.sockets).toHaveLength(5);
  });

  it("asks about the session when it is turned away, not when a connection breaks", async () => {
    const { server, time, onRefused } = connect(1);
    server.newest.accept();
    server.newest.tell(HEARTBEAT);
    server.newest.end(1006);
    await time.advance(BACKOFF_MS.min);
    expect(onRefused).not.toHaveBeenCalled();
    server.newest.end(1006);
    await time.advance(2 * BACKOFF_MS.min);
    expect(onRefused).toHaveBeenCalledTimes(1);
    server.newest.accept();
    server.newest.end(4401);
    await time.advance(4 * BACKOFF_MS.min);
    expect(onRefused).toHaveBeenCalledTimes(2);
  });

  it("probes an open socket at once when the page comes back, and drops it when nothing answers", async () => {
    const { server, time, link } = connect();
    server.newest.accept();
    server.newest.tell(HEARTBEAT);
    const pings = server.newest.actions("ping").length;
    link.wake();
    expect(server.newest.actions("ping")).toHaveLength(pings + 1);
    await time.advance(PROBE_WITHIN_MS);
    expect(server.sockets[0]?.closed).toBe(true);
  });

  it("keeps an open socket that answers the probe", async () => {
    const { server, time, link } = connect();
    server.newest.accept();
    link.wake();
    server.newest.tell({ type: "pong" });
    await time.advance(PROBE_WITHIN_MS);
    expect(server.sockets[0]?.closed).toBe(false);
  });

  it("connects at once instead of waiting on when the network is back", async () => {
    const { server, time, link } = connect(1);
    for (let failure = 0; failure < 6; failure += 1) {
      server.newest.end();
      await time.advance(BACKOFF_MS.max);
    }
    server.newest.end();
    const before = server.sockets.length;
    link.wake();
    expect(server.sockets).toHaveLength(before + 1);
  });

  it("measures the round trip of a ping", async () => {
    const { server, time, link } = connect();
    server.newest.accept();
    await time.advance(38);
    link.ponged();
    server.newest.tell({ type: "pong" });
    expect(link.link.latencyMs).toBe(38);
  });

  it("leaves no timer and no socket behind when it is stopped", async () => {
    const { server, time, link } = connect();
    server.newest.accept();
    link.stop();
    expect(server.newest.closed).toBe(true);
    await time.advance(60_000);
    expect(server.sockets).toHaveLength(1);
    expect(time.pending).toBe(0);
  });
});
