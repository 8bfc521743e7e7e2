// The signed-in person as the page sees it: unknown until asked, null when nobody is.
import { useQuery } from "@tanstack/react-query";
import { ApiError, messageOf } from "@/api/errors";
import { whenSignedOut } from "@/api/http";
import { queryClient } from "@/api/query_client";
import { useReachable } from "@/api/reachability";
import { fetchCurrentUser, mayActAs, type Role, signOut } from "@/api/session";
import type { User } from "@/api/types";
import { live } from "@/live/client";
import { notify } from "@/widgets/notices";

const SESSION_KEY = ["session"] as const;

async function fetchSession(): Promise<User | null> {
  try {
    return await fetchCurrentUser();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/** The person, null when nobody is signed in, undefined while that is being found out. */
export function useSession() {
  return useQuery({
    queryKey: SESSION_KEY,
    queryFn: fetchSession,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Why the person may not do something that needs a role; undefined when they may. */
export function useRoleBarrier(role: Role): string | undefined {
  const { data } = useSession();
  return mayActAs(data ?? undefined, role) ? undefined : `Needs the role ${role}`;
}

/** Why a command cannot be given now, for every command but the emergency stop. */
export function useCommandBarrier(role: Role): string | undefined {
  const reachable = useReachable();
  const barrier = useRoleBarrier(role);
  return reachable ? barrier : "The server cannot be reached";
}

/** Finds out whether the session still stands; signs out in the page when it does not. */
export async function checkSession(): Promise<void> {
  await fetchCurrentUser();
}

/** After signing in: everything known before belonged to nobody. */
export async function beginSession(): Promise<void> {
  const user = await fetchSession();
  forgetAllButSession();
  queryClient.setQueryData(SESSION_KEY, user);
}

function forgetAllButSession(): void {
  queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== SESSION_KEY[0] });
}

/** Forgets all that the person could see. */
function endSession(): void {
  live.stop();
  forgetAllButSession();
  queryClient.setQueryData(SESSION_KEY, null);
}

whenSignedOut(endSession);

/** Signs out at the server; the page forgets everything only when the session is over there. */
export async function leave(): Promise<void> {
  try {
    await signOut();
    endSession();
  } catch (error) {
    const wasOver = error instanceof ApiError && error.status === 401;
    if (!wasOver) notify("danger", `You are still signed in. ${messageOf(error)}`);
  }
}
