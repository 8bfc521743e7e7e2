// What surrounds every page: bars, banners, live connection, results.
import { useQueryClient } from "@tanstack/react-query";
import { Suspense, useEffect, useRef } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import type { SystemEvent } from "@/api/types";
import { keys } from "@/live/apply";
import { live, useChannel, useLive } from "@/live/client";
import { HEALTH_KEY } from "@/queries/health_query";
import { useRiskState } from "@/queries/system";
import { Toasts } from "@/widgets/Toasts";
import { Banners } from "./Banners";
import { Boundary } from "./Boundary";
import { Navigation } from "./Navigation";
import { PAGES } from "./routes";
import styles from "./Shell.module.css";
import { checkSession } from "./session";
import { TopBar } from "./TopBar";

const REFRESH_EVERY_MS = 5_000;

export function Shell() {
  useLiveConnection();
  useChannel("risk");
  useChannel("system");
  useDocumentTitle();
  useRefreshOnEvents();
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#content">
        Skip to content
      </a>
      <TopBar />
      <Navigation />
      <div className={styles.page}>
        <Banners />
        <main id="content" tabIndex={-1} className={styles.content}>
          <Boundary>
            <Suspense fallback={<p className={styles.waiting}>Loading…</p>}>
              <Switch>
                {PAGES.map((page) => (
                  <Route key={page.path} path={page.path} component={page.component} />
                ))}
                <Route>
                  <NotFound />
                </Route>
              </Switch>
            </Suspense>
          </Boundary>
        </main>
        <Footer />
      </div>
      <Toasts />
    </div>
  );
}

function NotFound() {
  return (
    <div className={styles.missing}>
      <h1>There is no such page</h1>
      <Link href="/">Go to the overview</Link>
    </div>
  );
}

/** The licence of the chart library asks for this notice and link where its charts are shown. */
function Footer() {
  return (
    <footer className={styles.footer}>
      Pi5 Trading System {__PI5_VERSION__} · Charts: TradingView Lightweight Charts™, © 2026
      TradingView, Inc.,{" "}
      <a href="https://www.tradingview.com/" rel="noopener noreferrer" target="_blank">
        tradingview.com
      </a>
    </footer>
  );
}

function useLiveConnection(): void {
  const client = useQueryClient();
  useEffect(() => {
    live.start(checkSession, () => void client.invalidateQueries());
    const wake = () => {
      if (!document.hidden) live.wake();
    };
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("online", wake);
    return () => {
      document.removeEventListener("visibilitychange", wake);
      window.removeEventListener("online", wake);
      live.stop();
    };
  }, [client]);
}

/** A service that started, stopped or failed tells it as an event: look at once what changed. */
function useRefreshOnEvents(): void {
  const client = useQueryClient();
  const newestId = useLive<SystemEvent[]>(keys.events)?.[0]?.id;
  const refreshedAt = useRef(0);
  useEffect(() => {
    if (!newestId) return;
    // A storm of events must not become a storm of calls.
    const waitMs = Math.max(0, refreshedAt.current + REFRESH_EVERY_MS - Date.now());
    const timer = setTimeout(() => {
      refreshedAt.current = Date.now();
      void client.invalidateQueries({ queryKey: HEALTH_KEY });
      void client.invalidateQueries({ queryKey: ["strategies", "list"] });
    }, waitMs);
    return () => clearTimeout(timer);
  }, [client, newestId]);
}

/** The state comes first, so that it can be read in a narrow tab. */
function useDocumentTitle(): void {
  const [path] = useLocation();
  const { data: risk } = useRiskState();
  const page = PAGES.find((candidate) => candidate.path === path)?.title ?? "Not found";
  const mode = risk?.mode === "halted" || risk?.mode === "reducing" ? risk.mode.toUpperCase() : "";
  useEffect(() => {
    document.title = [mode, page, "Pi5"].filter(Boolean).join(" · ");
  }, [mode, page]);
}
