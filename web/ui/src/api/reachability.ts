// Whether the last call got an answer. Panels turn read-only while the server cannot be reached;
// the halt button does not, because trying is always better than not trying.
import { useSyncExternalStore } from "react";

let reachable = true;
const listeners = new Set<() => void>();

/** Tells the outcome of a call: any answer counts, also an error. */
export function reportReachable(answered: boolean): void {
  if (answered === reachable) return;
  reachable = answered;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** True while calls are answered. */
export function useReachable(): boolean {
  return useSyncExternalStore(subscribe, () => reachable);
}
