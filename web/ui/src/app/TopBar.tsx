// The bar at the top: which system this is, whether it trades real money, whether the page is up to
// date, and the emergency stop.
import { Link } from "wouter";
import { setPreference, usePreferences } from "@/preferences/preferences";
import { useSystemStatus } from "@/queries/system";
import { Button } from "@/widgets/Button";
import { HaltControl } from "./HaltControl";
import { LinkPill } from "./LinkPill";
import { Mark } from "./Mark";
import styles from "./TopBar.module.css";

export function TopBar() {
  const { data: status } = useSystemStatus();
  const isLive = status?.environment === "live";
  return (
    <header className={isLive ? `${styles.bar} ${styles.live}` : styles.bar}>
      <Link href="/" className={styles.brand} aria-label="Pi5 Trading System, overview">
        <Mark />
        <span className={styles.name}>Pi5 Trading</span>
      </Link>
      {status?.environment && (
        <span className={isLive ? styles.pillLive : styles.pill}>
          {isLive ? "LIVE" : "PAPER"}
          <span className="visually-hidden">
            {isLive ? " – trades real money" : " – trades with play money"}
          </span>
        </span>
      )}
      <LinkPill />
      <div className={styles.end}>
        <ThemeButton />
        <HaltControl />
      </div>
    </header>
  );
}

function ThemeButton() {
  const { theme } = usePreferences();
  const dark =
    theme === "dark" ||
    (theme === "system" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  return (
    <Button
      tone="quiet"
      icon={dark ? "sun" : "moon"}
      iconOnly
      className={styles.theme}
      onClick={() => setPreference("theme", dark ? "light" : "dark")}
    >
      {dark ? "Use the light theme" : "Use the dark theme"}
    </Button>
  );
}
