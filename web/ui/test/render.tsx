// Draws a component into the page for a test.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";

/** A query client that tries everything once and forgets nothing during a test. */
export function testClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry: false, networkMode: "always" },
      mutations: { retry: false },
    },
  });
}

const roots = new Set<Root>();

/** Takes everything off the page, so that nothing of one test goes on in the next. */
export async function removeAll(): Promise<void> {
  await act(async () => {
    for (const root of roots) root.unmount();
  });
  roots.clear();
}

export interface Drawn {
  host: HTMLElement;
  again: (node: ReactNode) => Promise<void>;
}

export async function draw(node: ReactNode, client = testClient()): Promise<Drawn> {
  const host = document.createElement("div");
  document.body.append(host);
  const root = createRoot(host);
  roots.add(root);
  const again = (next: ReactNode) =>
    act(async () => root.render(<QueryClientProvider client={client}>{next}</QueryClientProvider>));
  await again(node);
  return { host, again };
}

/** The button whose words begin with a text. */
export function button(host: ParentNode, words: string): HTMLButtonElement {
  const found = [...host.querySelectorAll("button")].find((candidate) =>
    candidate.textContent?.trim().startsWith(words),
  );
  if (!found) throw new Error(`There is no button "${words}" in: ${host.textContent}`);
  return found;
}

export async function press(element: HTMLElement): Promise<void> {
  await act(async () => element.click());
}

const WAITS_MAX = 100;

/** Lets the page go on until a check holds; fails with the check's own error after a second. */
export async function until(check: () => void): Promise<void> {
  for (let waits = 0; ; waits += 1) {
    await act(() => new Promise<void>((resolve) => setTimeout(resolve, 10)));
    try {
      check();
      return;
    } catch (error) {
      if (waits >= WAITS_MAX) throw error;
    }
  }
}

/** Answers calls by "METHOD /path" with a body, a status, or what a function makes of the call. */
export type Answers = Record<string, unknown>;

export interface Call {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: unknown;
}

/** Replaces fetch; returns the calls that were made. */
export function answerCalls(answers: Answers): { calls: Call[]; fetch: typeof fetch } {
  const calls: Call[] = [];
  const fake = async (address: unknown, init: RequestInit = {}) => {
    const path = String(address);
    const method = init.method ?? "GET";
    const body: unknown = init.body ? JSON.parse(String(init.body)) : undefined;
    const call = { method, path, headers: init.headers as Record<string, string>, body };
    calls.push(call);
    const key = `${method} ${path.split("?")[0]}`;
    if (!(key in answers)) return new Response('{"code":"NOT_FOUND"}', { status: 404 });
    const answer = answers[key];
    const made: unknown = typeof answer === "function" ? answer(call) : answer;
    return made instanceof Response ? made : new Response(JSON.stringify(made));
  };
  return { calls, fetch: fake as typeof fetch };
}
