import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError, messageOf } from "@/api/errors";
import { addressOf, request, whenSignedOut } from "@/api/http";
import { newRequestId } from "@/api/identifiers";
import { retryDelayMs, shouldRetry } from "@/api/query_client";
import { safeReturnPath, signInPath } from "@/app/return_path";
import { takeSetupToken } from "@/pages/entry/setup_token";
import { answerCalls } from "./render";

const refusal = (status: number, code = "TOKEN_EXPIRED") =>
  new Response(JSON.stringify({ code, message: "no", request_id: "r-1", details: [] }), { status });

afterEach(() => whenSignedOut(() => {}));

describe("calls", () => {
  it("refresh an expired session once and go through", async () => {
    let refreshed = false;
    const { calls, fetch } = answerCalls({
      "GET /api/v1/strategies": () => (refreshed ? { strategies: [] } : refusal(401)),
      "POST /auth/refresh": () => {
        refreshed = true;
        return {};
      },
    });
    vi.stubGlobal("fetch", fetch);
    await expect(request("GET", "/api/v1/strategies")).resolves.toEqual({ strategies: [] });
    expect(calls.map((call) => call.path)).toEqual([
      "/api/v1/strategies",
      "/auth/refresh",
      "/api/v1/strategies",
    ]);
  });

  it("share one refresh when many expire together: a refresh token is good once", async () => {
    let refreshes = 0;
    const { fetch } = answerCalls({
      "GET /a": () => (refreshes > 0 ? {} : refusal(401)),
      "GET /b": () => (refreshes > 0 ? {} : refusal(401)),
      "POST /auth/refresh": () => {
        refreshes += 1;
        return {};
      },
    });
    vi.stubGlobal("fetch", fetch);
    await Promise.all([request("GET", "/a"), request("GET", "/b"), request("GET", "/a")]);
    expect(refreshes).toBe(1);
  });

  it("sign out when the session cannot be refreshed", async () => {
    const signedOut = vi.fn();
    whenSignedOut(signedOut);
    const answers = { "GET /a": () => refusal(401), "POST /auth/refresh": () => refusal(401) };
    vi.stubGlobal("fetch", answerCalls(answers).fetch);
    await expect(request("GET", "/a")).rejects.toMatchObject({ status: 401 });
    expect(signedOut).toHaveBeenCalledTimes(1);
  });

  it("do not take a wrong password for an expired session", async () => {
    const { calls, fetch } = answerCalls({
      "POST /auth/login": () => refusal(401, "BAD_CREDENTIALS"),
    });
    vi.stubGlobal("fetch", fetch);
    await expect(request("POST", "/auth/login")).rejects.toMatchObject({ code: "BAD_CREDENTIALS" });
    expect(calls).toHaveLength(1);
  });

  it("send the same idempotency key again after a refresh", async () => {
    let tries = 0;
    const { calls, fetch } = answerCalls({
      "POST /x": () => {
        tries += 1;
        return tries > 1 ? {} : refusal(401);
      },
      "POST /auth/refresh": {},
    });
    vi.stubGlobal("fetch", fetch);
    await request("POST", "/x");
    const keys = calls
      .filter((call) => call.path === "/x")
      .map((call) => call.headers["Idempotency-Key"]);
    expect(keys).toHaveLength(2);
    expect(keys[0]).toBe(keys[1]);
  });

  it("carry the server's code, sentence and request id in their error", async () => {
    vi.stubGlobal("fetch", answerCalls({ "GET /a": () => refusal(503, "DOWN") }).fetch);
    await expect(request("GET", "/a")).rejects.toMatchObject({
      status: 503,
      code: "DOWN",
      requestId: "r-1",
      transient: true,
    });
  });

  it("tell each fault once, with its field when the sentence does not say it", () => {
    const error = new ApiError(400, {
      message: "fast must be smaller than slow",
      details: [
        { field: "parameters", description: "fast must be smaller than slow" },
        { field: "id", description: "is taken" },
      ],
    });
    expect(messageOf(error)).toBe("Fast must be smaller than slow; id: is taken");
  });

  it("say that the server cannot be reached when there is no answer", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(request("GET", "/a")).rejects.toMatchObject({ status: 0, code: "NETWORK" });
  });

  it("are repeated only when that may help, and a bounded number of times", () => {
    const away = new ApiError(503, {});
    expect([0, 1, 2].map((failures) => shouldRetry(failures, away))).toEqual([true, true, false]);
    expect(shouldRetry(0, new ApiError(409, {}))).toBe(false);
    expect(shouldRetry(0, new Error("a fault of the page"))).toBe(false);
  });

  it("wait as long as the server asks before they are repeated, within bounds", async () => {
    const full = new Response('{"code":"RATE_LIMITED"}', {
      status: 429,
      headers: { "Retry-After": "7" },
    });
    vi.stubGlobal("fetch", answerCalls({ "GET /a": full }).fetch);
    const error = await request("GET", "/a").catch((thrown: unknown) => thrown);
    expect(shouldRetry(0, error)).toBe(true);
    expect(retryDelayMs(0, error)).toBe(7_000);
    expect(retryDelayMs(1, new ApiError(503, {}))).toBe(2_000);
    expect(retryDelayMs(20, new ApiError(503, {}))).toBe(30_000);
  });

  it("leave empty values out of the address and repeat lists", () => {
    const query = { status: "all", page_token: "", after: undefined, symbols: ["A&B", "C"] };
    expect(addressOf("/orders", query)).toBe("/orders?status=all&symbols=A%26B&symbols=C");
  });
});

it("makes UUIDs of version 4 without a secure origin", () => {
  const ids = new Set(Array.from({ length: 200 }, newRequestId));
  expect(ids.size).toBe(200);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

describe("signing in", () => {
  it("leads back to where the person wanted to go", () => {
    const path = signInPath("/orders", "view=all");
    expect(safeReturnPath(path.split("?")[1] ?? "")).toBe("/orders?view=all");
    expect(signInPath("/", "")).toBe("/login");
  });

  it("never leads to another site", () => {
    for (const next of ["//evil.example", "https://evil.example", "/\\evil.example", "/login"]) {
      expect(safeReturnPath(`next=${encodeURIComponent(next)}`)).toBe("/");
    }
  });

  it("takes the set-up token out of the address", () => {
    window.history.replaceState(null, "", "/setup#token=s3cret");
    expect(takeSetupToken()).toBe("s3cret");
    expect(window.location.href).not.toContain("s3cret");
    expect(takeSetupToken()).toBe("");
  });
});
