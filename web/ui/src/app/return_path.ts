// Where to go after signing in. Only a path of this page is accepted: anything else could send the
// person to somebody else's site.

const ENTRY_PATHS = new Set(["/", "/login", "/setup"]);

/** The address of the sign-in page that leads back to `path`. */
export function signInPath(path: string): string {
  return ENTRY_PATHS.has(path) ? "/login" : `/login?next=${encodeURIComponent(path)}`;
}

/** The path asked for in the address of the sign-in page, or the overview. */
export function safeReturnPath(search: string): string {
  const next = new URLSearchParams(search).get("next") ?? "/";
  return /^\/(?![/\\])[\w\-./?=&%:]*$/.test(next) && !ENTRY_PATHS.has(next) ? next : "/";
}
