// Refreshing an expired session. A refresh token is good once and using it twice ends the session,
// while all tabs of a browser share the cookie: so only one tab may refresh at a time, and the
// others notice that it was done. Only the time of the refresh is kept, never a token.

const REFRESHED_AT_KEY = "pi5.session-refreshed-at";
const LEASE_KEY = "pi5.session-refresh-lease";
const LEASE_MS = 10_000;
const LEASE_SETTLE_MS = 40;
const LEASE_POLL_MS = 100;
// After three leases have had time to end, going ahead is better than waiting for ever.
const LEASE_POLLS_MAX = 300;

let pending: Promise<boolean> | null = null;

function refreshedAt(): number {
  return Number(localStorage.getItem(REFRESHED_AT_KEY) ?? 0);
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Refreshes the session once for all callers.
 *
 * @param sentAt when the refused call was sent, in milliseconds; a refresh after that suffices.
 * @returns true when a repeated call may succeed.
 */
export function refreshSession(sentAt: number): Promise<boolean> {
  pending ??= alone(() => refreshUnlessDone(sentAt)).finally(() => {
    pending = null;
  });
  return pending;
}

async function refreshUnlessDone(sentAt: number): Promise<boolean> {
  if (refreshedAt() >= sentAt) return true;
  const response = await fetch("/auth/refresh", {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Requested-With": "pi5" },
    body: "{}",
  }).catch(() => null);
  if (!response?.ok) return false;
  localStorage.setItem(REFRESHED_AT_KEY, String(Date.now()));
  return true;
}

/** Runs a task in one tab at a time. Web locks exist on secure origins only; else a lease. */
async function alone<T>(task: () => Promise<T>): Promise<T> {
  if (typeof navigator.locks?.request === "function") {
    return navigator.locks.request("pi5-session-refresh", task) as Promise<T>;
  }
  const owner = String(crypto.getRandomValues(new Uint32Array(1))[0]);
  for (let tries = 0; !(await takeLease(owner)); tries += 1) {
    if (tries >= LEASE_POLLS_MAX) break;
    await pause(LEASE_POLL_MS);
  }
  try {
    return await task();
  } finally {
    localStorage.removeItem(LEASE_KEY);
  }
}

/** Writes the lease and looks a moment later whether another tab wrote over it. */
async function takeLease(owner: string): Promise<boolean> {
  const [holder, until] = (localStorage.getItem(LEASE_KEY) ?? "").split(":");
  if (holder && holder !== owner && Number(until) > Date.now()) return false;
  localStorage.setItem(LEASE_KEY, `${owner}:${Date.now() + LEASE_MS}`);
  await pause(LEASE_SETTLE_MS);
  return localStorage.getItem(LEASE_KEY)?.startsWith(`${owner}:`) ?? false;
}
