// Who may see what: nobody signed in sees only set-up and sign-in, everybody else the shell.
import { lazy, type ReactNode, Suspense } from "react";
import { Redirect, Route, Switch, useLocation, useSearch } from "wouter";
import { messageOf } from "@/api/errors";
import { Button } from "@/widgets/Button";
import styles from "./App.module.css";
import { Boundary } from "./Boundary";
import { safeReturnPath, signInPath } from "./return_path";
import { Shell } from "./Shell";
import { useSession } from "./session";

const SignIn = lazy(() => import("@/pages/entry/SignIn"));
const SetUp = lazy(() => import("@/pages/entry/SetUp"));

export function App() {
  const session = useSession();
  return (
    <Boundary>
      <Suspense fallback={<Whole>Loading…</Whole>}>
        {session.data ? (
          <SignedIn />
        ) : session.data === null ? (
          <SignedOut />
        ) : session.isError ? (
          <Whole>
            <p>{messageOf(session.error)}</p>
            <Button onClick={() => void session.refetch()}>Try again</Button>
          </Whole>
        ) : (
          <Whole>Loading…</Whole>
        )}
      </Suspense>
    </Boundary>
  );
}

function SignedIn() {
  const search = useSearch();
  return (
    <Switch>
      <Route path="/login">
        <Redirect to={safeReturnPath(search)} replace />
      </Route>
      <Route path="/setup">
        <Redirect to="/" replace />
      </Route>
      <Route>
        <Shell />
      </Route>
    </Switch>
  );
}

function SignedOut() {
  const [path] = useLocation();
  const search = useSearch();
  return (
    <Switch>
      <Route path="/setup">
        <SetUp />
      </Route>
      <Route path="/login">
        <SignIn />
      </Route>
      <Route>
        <Redirect to={signInPath(path, search)} replace />
      </Route>
    </Switch>
  );
}

function Whole({ children }: { children: ReactNode }) {
  return <main className={styles.whole}>{children}</main>;
}
