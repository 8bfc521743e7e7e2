// Is the machine healthy? Every service, every breaker, and what happened.
import type { Health, SystemStatus } from "@/api/types";
import { formatDuration, parseTime } from "@/format/time";
import { formatBytes } from "@/format/words";
import { useHealth, useSystemStatus } from "@/queries/system";
import { Panel } from "@/widgets/Panel";
import { BreakersPanel } from "./BreakersPanel";
import { ComponentsTable } from "./ComponentsTable";
import { EventsPanel } from "./EventsPanel";
import styles from "./System.module.css";

const hasNoParts = (health: Health) => (health.components ?? []).length === 0;

export default function System() {
  const status = useSystemStatus();
  const health = useHealth();
  return (
    <div className={styles.page}>
      <h1>System</h1>
      <Panel title="This machine" resource={status} rows={2}>
        {(data) => <Facts status={data} />}
      </Panel>
      <Panel
        title="Services"
        resource={health}
        isEmpty={hasNoParts}
        empty={{ text: "No service has reported yet." }}
        rows={8}
        flush
      >
        {({ components }) => <ComponentsTable components={components ?? []} />}
      </Panel>
      <BreakersPanel />
      <EventsPanel />
    </div>
  );
}

function Facts({ status }: { status: SystemStatus }) {
  const startedAt = parseTime(status.started_at);
  const facts: [string, string][] = [
    ["Version", status.version ?? ""],
    ["Trades", status.environment === "live" ? "real money" : "on paper"],
    ["Up for", startedAt === null ? "" : formatDuration(Date.now() - startedAt)],
    ["Machine", status.host ?? ""],
    ["Memory of all services", formatBytes(status.memory_bytes)],
    ["Database", formatBytes(status.database_bytes)],
  ];
  return (
    <>
      <dl className={styles.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value || "–"}</dd>
          </div>
        ))}
      </dl>
      {(status.warnings ?? []).length > 0 && (
        <ul className={styles.warnings}>
          {(status.warnings ?? []).map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
    </>
  );
}
