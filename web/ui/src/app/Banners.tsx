// What everybody should know on every page: trading is stopped, a part of the system is down, or
// the page shows old values.
import type { ReactNode } from "react";
import { useReachable } from "@/api/reachability";
import type { RiskState } from "@/api/types";
import { sentenceCase } from "@/format/words";
import { useHealth, useRiskState } from "@/queries/system";
import { When } from "@/widgets/Figures";
import { Icon } from "@/widgets/Icon";
import styles from "./Banners.module.css";

export function Banners() {
  const { data: risk } = useRiskState();
  const { data: health } = useHealth();
  const reachable = useReachable();
  const down = (health?.components ?? []).filter((part) => part.state === "down");
  return (
    <div className={styles.banners}>
      {!reachable && (
        <Banner tone="warning">
          The server cannot be reached. Values are the last ones known and nothing but Halt can be
          tried.
        </Banner>
      )}
      {risk?.mode === "halted" && <ModeBanner risk={risk} words="Trading is halted" />}
      {risk?.mode === "reducing" && (
        <ModeBanner risk={risk} words="Only orders that make positions smaller are allowed" />
      )}
      {risk && <Obstacles risk={risk} />}
      {down.length > 0 && (
        <Banner tone="warning">
          {sentenceCase(down.map((part) => part.name).join(", "))}{" "}
          {down.length === 1 ? "does" : "do"} not answer. What depends on{" "}
          {down.length === 1 ? "it" : "them"} shows old values.
        </Banner>
      )}
    </div>
  );
}

/** What keeps risk from approving orders although trading is allowed. */
function Obstacles({ risk }: { risk: RiskState }) {
  // A halt is said by its own banner.
  const codes = risk.mode === "active" ? (risk.blocks ?? []) : [];
  const blocks = codes.map((code) => sentenceCase(code.toLowerCase()));
  return (
    <>
      {(risk.protections ?? []).map((protection) => (
        <Banner key={`${protection.name}/${protection.reason}`} tone="warning">
          <strong>{sentenceCase(protection.name)}</strong>: {protection.reason}
          {protection.until ? (
            <>
              {", until "}
              <When time={protection.until} />
            </>
          ) : (
            ", until a person resumes trading"
          )}
          .
        </Banner>
      ))}
      {blocks.length > 0 && (
        <Banner tone="warning">No position can be opened just now: {blocks.join(", ")}.</Banner>
      )}
    </>
  );
}

function ModeBanner({ risk, words }: { risk: RiskState; words: string }) {
  return (
    <Banner tone="danger">
      <strong>{words}</strong>
      {risk.changed_at && (
        <>
          {" "}
          since <When time={risk.changed_at} />
        </>
      )}
      {risk.changed_by && ` by ${risk.changed_by}`}
      {risk.reason && `: ${risk.reason}`}
    </Banner>
  );
}

function Banner({ tone, children }: { tone: "warning" | "danger"; children: ReactNode }) {
  return (
    <div className={styles[tone]} role={tone === "danger" ? "alert" : "status"}>
      <Icon name={tone === "danger" ? "halt" : "warning"} />
      <p>{children}</p>
    </div>
  );
}
