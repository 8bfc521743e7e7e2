import { act } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { queryClient } from "@/api/query_client";
import { App } from "@/app/App";
import { type Answers, answerCalls, button, draw, press, until } from "./render";

const SIGNED_OUT = () =>
  new Response('{"code":"TOKEN_MISSING","message":"sign in"}', { status: 401 });

class SilentSocket {
  onopen = null;
  onmessage = null;
  onclose = null;
  send(): void {}
  close(): void {}
}

async function visit(path: string, answers: Answers) {
  window.history.replaceState(null, "", path);
  const { calls, fetch } = answerCalls(answers);
  vi.stubGlobal("fetch", fetch);
  vi.stubGlobal("WebSocket", SilentSocket);
  return { calls, ...(await draw(<App />, queryClient)) };
}

afterEach(() => queryClient.clear());

function fillIn(host: HTMLElement): void {
  for (const field of host.querySelectorAll("input")) field.value = "correct horse battery";
}

describe("somebody who is not signed in", () => {
  const answers = {
    "GET /auth/me": SIGNED_OUT,
    "POST /auth/refresh": SIGNED_OUT,
    "GET /auth/setup": { required: false },
  };

  it("is asked to sign in and then sees the page that was wanted", async () => {
    let signedIn = false;
    const { host } = await visit("/settings", {
      ...answers,
      "GET /auth/me": () => (signedIn ? { username: "ada", role: "admin" } : SIGNED_OUT()),
      "POST /auth/login": () => {
        signedIn = true;
        return { tokens: { access_token: "secret" }, user: {} };
      },
    });
    await until(() => expect(host.querySelector("h1")?.textContent).toBe("Sign in"));
    fillIn(host);
    await press(button(host, "Sign in"));
    await until(() => expect(host.querySelector("h1")?.textContent).toBe("Settings"));
    expect(host.textContent).toContain("Signed in as ada");
    expect(JSON.stringify({ ...localStorage })).not.toContain("secret");
  });

  it("stays at the form with the reason when the password is wrong", async () => {
    const refusal = { code: "BAD_CREDENTIALS", message: "wrong name or password" };
    const { host } = await visit("/login", {
      ...answers,
      "POST /auth/login": () => new Response(JSON.stringify(refusal), { status: 401 }),
    });
    await until(() => button(host, "Sign in"));
    fillIn(host);
    await press(button(host, "Sign in"));
    await until(() =>
      expect(host.querySelector("[role=alert]")?.textContent).toBe("Wrong name or password"),
    );
  });

  it("is led to the set-up while there is no admin", async () => {
    const { host } = await visit("/", { ...answers, "GET /auth/setup": { required: true } });
    await until(() => expect(host.querySelector("h1")?.textContent).toBe("Create the first admin"));
    expect(window.location.pathname).toBe("/setup");
  });
});

describe("somebody who is signed in", () => {
  const answers = { "GET /auth/me": { username: "ada", role: "trader" } };

  it("finds no dead link in the navigation", async () => {
    const { host } = await visit("/settings", answers);
    await until(() => expect(host.querySelectorAll("nav a")).toHaveLength(5));
    for (const link of host.querySelectorAll<HTMLAnchorElement>("nav a")) {
      await press(link);
      await until(() => expect(host.querySelector("main h1")?.textContent).toBe(link.textContent));
      expect(link.getAttribute("aria-current")).toBe("page");
    }
  });

  it("is told about an address that leads nowhere", async () => {
    const { host } = await visit("/nowhere", answers);
    await until(() => expect(host.textContent).toContain("There is no such page"));
  });

  it("is signed out in the page when the session ends at the server", async () => {
    let over = false;
    const { host } = await visit("/settings", {
      ...answers,
      "GET /auth/me": () => (over ? SIGNED_OUT() : answers["GET /auth/me"]),
      "GET /api/v1/risk/state": () => (over ? SIGNED_OUT() : { mode: "active" }),
      "POST /auth/refresh": SIGNED_OUT,
      "GET /auth/setup": { required: false },
    });
    await until(() => expect(host.querySelector("main h1")?.textContent).toBe("Settings"));
    over = true;
    await act(() => queryClient.invalidateQueries({ queryKey: ["risk"] }));
    await until(() => expect(host.querySelector("h1")?.textContent).toBe("Sign in"));
  });
});
