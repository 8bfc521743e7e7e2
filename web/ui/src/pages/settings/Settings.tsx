// How this browser shows the dashboard, who is signed in, and what this is made of.
import type { ReactNode } from "react";
import { leave, useSession } from "@/app/session";
import { zoneName } from "@/format/time";
import { sentenceCase } from "@/format/words";
import { CHOICES, setPreference, usePreferences } from "@/preferences/preferences";
import { useSystemStatus } from "@/queries/system";
import { Button } from "@/widgets/Button";
import { ProfitLoss } from "@/widgets/Figures";
import { Segments } from "@/widgets/Segments";
import { PasswordForm } from "./PasswordForm";
import styles from "./Settings.module.css";

const THEMES = { system: "As the device", dark: "Dark", light: "Light" } as const;
const COLOURS = {
  "green-up": "Green gains",
  "red-up": "Red gains",
  "blue-orange": "Blue gains",
} as const;

export default function Settings() {
  return (
    <div className={styles.page}>
      <h1>Settings</h1>
      <Appearance />
      <Account />
      <About />
    </div>
  );
}

function Appearance() {
  const { theme, colours, zone } = usePreferences();
  return (
    <Section title="Appearance" hint="Kept in this browser.">
      <Setting name="Theme">
        <Segments
          label="Theme"
          options={CHOICES.theme}
          words={THEMES}
          value={theme}
          onChange={(value) => setPreference("theme", value)}
        />
      </Setting>
      <Setting name="Colours of money">
        <Segments
          label="Colours of money"
          options={CHOICES.colours}
          words={COLOURS}
          value={colours}
          onChange={(value) => setPreference("colours", value)}
        />
        <p className={styles.sample}>
          <ProfitLoss value="1280.40" /> <ProfitLoss value="-312.75" />
        </p>
      </Setting>
      <Setting name="Times in">
        <Segments
          label="Times in"
          options={CHOICES.zone}
          words={{ utc: "UTC", local: `This device (${zoneName("local")})` }}
          value={zone}
          onChange={(value) => setPreference("zone", value)}
        />
      </Setting>
    </Section>
  );
}

function Account() {
  const { data: user } = useSession();
  return (
    <Section
      title="Account"
      hint={`Signed in as ${user?.username ?? ""}. Role: ${user?.role ?? ""}.`}
    >
      <PasswordForm />
      <div>
        <Button onClick={() => void leave()}>Sign out</Button>
      </div>
    </Section>
  );
}

function About() {
  const { data: status } = useSystemStatus();
  return (
    <Section title="About" hint="">
      <p>
        Pi5 Trading System {status?.version ?? ""}, dashboard {__PI5_VERSION__}. MIT licence.
        {status && ` Trading ${status.environment === "live" ? "real money" : "on paper"}.`}
      </p>
      <p>
        Charts are drawn by TradingView Lightweight Charts™, © 2026 TradingView, Inc., Apache
        licence 2.0:{" "}
        <a href="https://www.tradingview.com/" target="_blank" rel="noopener noreferrer">
          tradingview.com
        </a>
        .
      </p>
      <p className="muted">
        Also made with React, TanStack Query (both MIT) and wouter (Unlicense). The page asks nobody
        but this machine for anything.
      </p>
    </Section>
  );
}

interface SectionProps {
  title: string;
  hint: string;
  children: ReactNode;
}

function Section({ title, hint, children }: SectionProps) {
  const id = `section-${title.toLowerCase()}`;
  return (
    <section className={styles.section} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {hint && <p className="muted">{hint}</p>}
      </header>
      <div className={styles.body}>{children}</div>
    </section>
  );
}

function Setting({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.setting}>
      <h3>{sentenceCase(name)}</h3>
      <div className={styles.choice}>{children}</div>
    </div>
  );
}
