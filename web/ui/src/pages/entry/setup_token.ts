// The one-time token of the set-up link. It travels in the fragment, which browsers never send,
// and is taken out of the address at once so that it stays in no history.

/** Reads the token from the address and removes it there; empty when there is none. */
export function takeSetupToken(): string {
  const token = new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "";
  if (token) window.history.replaceState(null, "", window.location.pathname);
  return token;
}
