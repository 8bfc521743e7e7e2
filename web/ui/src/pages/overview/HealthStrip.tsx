// Every service in one line; the System page has the rest.
import { Link } from "wouter";
import type { Health } from "@/api/types";
import { useHealth } from "@/queries/system";
import { ComponentStateBadge } from "@/widgets/Badge";
import { Panel } from "@/widgets/Panel";
import styles from "./HealthStrip.module.css";

const hasNoParts = (health: Health) => (health.components ?? []).length === 0;

export function HealthStrip({ className }: { className?: string | undefined }) {
  const health = useHealth();
  return (
    <Panel
      title="Services"
      resource={health}
      isEmpty={hasNoParts}
      empty={{ text: "No service has reported yet." }}
      rows={1}
      className={className}
      actions={<Link href="/system">Details</Link>}
    >
      {({ components }) => (
        <ul className={styles.strip}>
          {(components ?? []).map((part) => (
            <li key={part.name} title={part.detail ?? ""} className={styles.part}>
              <span className={styles.name}>{part.name}</span>
              <ComponentStateBadge state={part.state} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
