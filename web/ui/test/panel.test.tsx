import { act } from "react";
import { describe, expect, it, vi } from "vitest";
import { ApiError } from "@/api/errors";
import { reportReachable } from "@/api/reachability";
import type { Resource } from "@/queries/resource";
import { Panel } from "@/widgets/Panel";
import { panelStateOf } from "@/widgets/panel_state";
import { button, draw, press } from "./render";

const RECEIVED_AT = Date.parse("2026-03-05T14:03:22Z");

function resource(given: Partial<Resource<string[]>>): Resource<string[]> {
  return {
    data: undefined,
    receivedAt: 0,
    error: null,
    loading: false,
    stale: false,
    retry: vi.fn(),
    ...given,
  };
}

const panel = (given: Partial<Resource<string[]>>) => (
  <Panel
    title="Open positions"
    resource={resource(given)}
    isEmpty={(rows) => rows.length === 0}
    empty={{ text: "No open positions.", next: "Start a strategy." }}
  >
    {(rows) => <p>{rows.join(", ")}</p>}
  </Panel>
);

const reachable = (answered: boolean) => act(async () => reportReachable(answered));

const failure = (status: number, code: string) =>
  new ApiError(status, { code, message: "portfolio does not answer", request_id: "r-17" });

describe("a panel", () => {
  it("keeps its place with a skeleton while loading", async () => {
    const { host } = await draw(panel({ loading: true }));
    expect(host.textContent).toContain("Loading");
    expect(host.querySelector("section")?.getAttribute("aria-labelledby")).toBeTruthy();
  });

  it("says why it is empty and what to do next", async () => {
    const { host } = await draw(panel({ data: [], receivedAt: RECEIVED_AT }));
    expect(host.textContent).toContain("No open positions.");
    expect(host.textContent).toContain("Start a strategy.");
  });

  it("shows a failure with the request's id and tries again when asked", async () => {
    const retry = vi.fn();
    const { host } = await draw(panel({ error: failure(503, "SERVICE_UNAVAILABLE"), retry }));
    expect(host.textContent).toContain("Portfolio does not answer");
    expect(host.textContent).toContain("r-17");
    await press(button(host, "Try again"));
    expect(retry).toHaveBeenCalledTimes(1);
  });

  it("says that the role may not see it, without an offer to try again", async () => {
    const { host } = await draw(panel({ error: failure(403, "FORBIDDEN") }));
    expect(host.textContent).toContain("Your role may not see this.");
    expect(host.querySelector("button")).toBeNull();
  });

  it("says offline when nothing answers and nothing is known", async () => {
    await reachable(false);
    const { host } = await draw(panel({ error: failure(0, "NETWORK") }));
    expect(host.textContent).toContain("The server cannot be reached.");
    await reachable(true);
  });

  it("goes on showing old data, with the time it is from", async () => {
    const { host } = await draw(
      panel({ data: ["ACME"], receivedAt: RECEIVED_AT, stale: true, error: failure(503, "X") }),
    );
    expect(host.textContent).toContain("ACME");
    expect(host.textContent).toContain("As of 14:03:22 UTC");
  });

  it("says offline beside old data when nothing answers", async () => {
    await reachable(false);
    const { host } = await draw(panel({ data: ["ACME"], receivedAt: RECEIVED_AT, stale: true }));
    expect(host.textContent).toContain("Offline, as of 14:03:22 UTC");
    await reachable(true);
  });

  it("shows fresh data plainly", async () => {
    const { host } = await draw(panel({ data: ["ACME", "GLOBEX"], receivedAt: RECEIVED_AT }));
    expect(host.textContent).toContain("ACME, GLOBEX");
    expect(host.textContent).not.toContain("s of");
  });
});

it("does not call an old empty list empty: it may not be by now", () => {
  const state = panelStateOf(
    resource({ data: [], receivedAt: RECEIVED_AT, stale: true }),
    (rows) => rows.length === 0,
    true,
  );
  expect(state.kind).toBe("ready");
});
