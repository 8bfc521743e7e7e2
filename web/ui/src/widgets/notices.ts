// Results of commands, shown as toasts and read out by the page's two live regions.
import { useSyncExternalStore } from "react";

export interface Notice {
  id: number;
  tone: "done" | "danger";
  text: string;
  requestId: string;
}

const NOTICES_MAX = 4;
const DONE_SHOWN_MS = 6_000;

let notices: readonly Notice[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function publish(next: readonly Notice[]): void {
  notices = next;
  for (const listener of listeners) listener();
}

/** Shows a result. Good news leaves by itself, bad news stays until it is closed. */
export function notify(tone: Notice["tone"], text: string, requestId = ""): void {
  lastId += 1;
  const id = lastId;
  publish([...notices, { id, tone, text, requestId }].slice(-NOTICES_MAX));
  if (tone === "done") setTimeout(() => dismissNotice(id), DONE_SHOWN_MS);
}

export function dismissNotice(id: number): void {
  publish(notices.filter((notice) => notice.id !== id));
}

export function useNotices(): readonly Notice[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => notices,
  );
}
