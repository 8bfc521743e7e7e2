import { QueryClient } from "@tanstack/react-query";
import { act } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { keys } from "@/live/apply";
import { live } from "@/live/client";
import { HEALTH_KEY } from "@/queries/health_query";
import { type Resource, useResource } from "@/queries/resource";
import { draw, until } from "./render";

let shown: Resource<string>;
const fetchValue = vi.fn();

function Reader() {
  shown = useResource<string>({
    queryKey: ["test"],
    fetch: fetchValue,
    liveKey: keys.portfolio,
    channel: "portfolio",
    service: "portfolio",
    pollMs: 10_000,
  });
  return null;
}

const LINK = { latencyMs: null, lastMessageAt: null };

async function publish(key: string, value: unknown): Promise<void> {
  await act(async () => {
    live.store.put(key, value);
    live.store.flush();
  });
}

const push = (value: string) => publish(keys.portfolio, { value, receivedAt: Date.now() });
const look = (client: QueryClient, state: string) =>
  act(async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    client.setQueryData(HEALTH_KEY, { components: [{ name: "portfolio", state }] });
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

async function begin() {
  const client = new QueryClient({
    defaultOptions: { queries: { retry: false, networkMode: "always" } },
  });
  await draw(<Reader />, client);
  await until(() => expect(shown.loading).toBe(false));
  return client;
}

describe("a value from two sources", () => {
  beforeEach(async () => {
    fetchValue.mockReset().mockResolvedValue("called");
    await publish(keys.portfolio, undefined);
    await publish(keys.fault("portfolio"), undefined);
    await publish("link", { ...LINK, state: "live" });
  });

  it("is the called one until something is pushed, then the pushed one", async () => {
    await begin();
    expect(shown.data).toBe("called");
    await push("pushed");
    expect(shown).toMatchObject({ data: "pushed", stale: false });
  });

  it("goes back to calls when the link is lost, and the newer one counts", async () => {
    await begin();
    await push("pushed");
    await publish("link", { ...LINK, state: "offline" });
    expect(shown.data).toBe("pushed");
    fetchValue.mockResolvedValue("called later");
    await act(async () => shown.retry());
    await until(() => expect(shown.data).toBe("called later"));
    expect(shown.stale).toBe(false);
  });

  it("is stale once its service is down although the link is live: it may just hang", async () => {
    const client = await begin();
    await push("pushed");
    await look(client, "down");
    expect(shown).toMatchObject({ data: "pushed", stale: true });
  });

  it("is fresh again with the first push, before health has looked again", async () => {
    const client = await begin();
    await push("pushed");
    await look(client, "down");
    await push("pushed again");
    expect(shown).toMatchObject({ data: "pushed again", stale: false });
  });

  it("keeps what is known when a call fails, and says that it is old", async () => {
    await begin();
    await publish("link", { ...LINK, state: "offline" });
    fetchValue.mockRejectedValue(new Error("away"));
    await act(async () => shown.retry());
    await until(() => expect(shown.stale).toBe(true));
    expect(shown.data).toBe("called");
    expect(shown.error?.message).toBe("away");
  });
});
