// How calls are cached and repeated, for the whole page.
import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./errors";

const RETRIES_MAX = 2;

/** Only what may pass by itself is tried again; a refusal is an answer. */
export function shouldRetry(failures: number, error: unknown): boolean {
  return failures < RETRIES_MAX && error instanceof ApiError && error.transient;
}

const RETRY_DELAY_MS = { first: 1_000, max: 30_000 } as const;

/** As long as the server asks for, else doubling from a second on. */
export function retryDelayMs(failures: number, error: unknown): number {
  const asked = error instanceof ApiError ? error.retryAfterMs : 0;
  return Math.min(RETRY_DELAY_MS.max, asked || RETRY_DELAY_MS.first * 2 ** failures);
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // The server is usually in the same house: whether the internet is there says nothing.
      networkMode: "always",
      retry: shouldRetry,
      retryDelay: retryDelayMs,
      staleTime: 5_000,
      refetchOnWindowFocus: true,
    },
    mutations: { networkMode: "always", retry: shouldRetry, retryDelay: retryDelayMs },
  },
});
