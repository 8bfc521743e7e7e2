// Where to go after signing in. Only a path of this page is accepted: anything else could send the
// person to somebody else's site.

const ENTRY_PATHS = new Set(["/", "/login", "/setup"]);

/** The address of the sign-in page that leads back to where the person wanted to go. */
export function signInPath(path: string, search: string): string {
  if (ENTRY_PATHS.has(path)) return "/login";
  return `/login?next=${encodeURIComponent(search ? `${path}?${search}` : path)}`;
}

/** The path asked for in the address of the sign-in page, or the overview. */
export function safeReturnPath(search: string): string {
  const next = new URLSearchParams(search).get("next") ?? "/";
  return /^\/(?![/\\])[\w\-./?=&%:]*$/.test(next) && !ENTRY_PATHS.has(next) ? next : "/";
}
