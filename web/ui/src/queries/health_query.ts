// The look at every service, shared by the pages that show it and the values that depend on it.
import { request } from "@/api/http";
import type { Health } from "@/api/types";

export const HEALTH_KEY = ["system", "health"] as const;

export function fetchHealth({ signal }: { signal: AbortSignal }): Promise<Health> {
  return request("GET", "/api/v1/system/health", { signal });
}
