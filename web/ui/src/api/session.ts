// Who is signed in, and the calls that change it. Tokens live in HttpOnly cookies that no script
// can read; the ones in the answers are for programs and are ignored here.
import { request } from "./http";
import type { User } from "./types";

export const ROLES = ["viewer", "trader", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** The signed-in person. @throws ApiError with status 401 when nobody is. */
export async function fetchCurrentUser(): Promise<User> {
  const answer = await request<User & { user?: User }>("GET", "/auth/me");
  return answer.user ?? answer;
}

/** Whether the first admin is still to be created. */
export async function fetchSetupRequired(): Promise<boolean> {
  return (await request<{ required?: boolean }>("GET", "/auth/setup")).required === true;
}

export function signIn(username: string, password: string): Promise<unknown> {
  return request("POST", "/auth/login", { body: { username, password, client: "dashboard" } });
}

export function setUpAdmin(token: string, username: string, password: string): Promise<unknown> {
  return request("POST", "/auth/setup", { body: { setup_token: token, username, password } });
}

export function signOut(): Promise<unknown> {
  return request("POST", "/auth/logout");
}

/** True when the person has the role or a higher one. */
export function mayActAs(user: User | undefined, role: Role): boolean {
  const has = ROLES.indexOf((user?.role ?? "viewer") as Role);
  return has >= ROLES.indexOf(role);
}

/** The server refuses shorter ones; saying so before sending saves a round trip. */
export const PASSWORD_LENGTH_MIN = 12;

/** Changes the signed-in person's password and ends their other sessions. */
export function changePassword(current: string, next: string): Promise<unknown> {
  const body = { current_password: current, new_password: next };
  return request("POST", "/auth/password", { body });
}
