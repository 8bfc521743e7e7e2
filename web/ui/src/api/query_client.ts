// How calls are cached and repeated, for the whole page.
import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./errors";

const RETRIES_MAX = 2;

/** Only what may pass by itself is tried again; a refusal is an answer. */
export function shouldRetry(failures: number, error: unknown): boolean {
  return failures < RETRIES_MAX && error instanceof ApiError && error.transient;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // The server is usually in the same house: whether the internet is there says nothing.
      networkMode: "always",
      retry: shouldRetry,
      staleTime: 2_000,
      refetchOnWindowFocus: true,
    },
    mutations: { networkMode: "always", retry: shouldRetry },
  },
});
