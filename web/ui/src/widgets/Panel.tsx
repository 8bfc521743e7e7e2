// A titled part of a page. It owns every state of its content, so that no widget invents its own
// way of saying that something is missing, old or broken; its neighbours go on working.
import { type ReactNode, useId } from "react";
import { useReachable } from "@/api/reachability";
import { formatTime, zoneName } from "@/format/time";
import { usePreferences } from "@/preferences/preferences";
import type { Resource } from "@/queries/resource";
import { Button } from "./Button";
import { Icon } from "./Icon";
import styles from "./Panel.module.css";
import { type PanelState, panelStateOf } from "./panel_state";

export interface EmptyMessage {
  text: string;
  /** The next step, in a sentence or as a link. */
  next?: ReactNode;
}

interface PanelProps<T> {
  title: string;
  resource: Resource<T>;
  children: (data: T) => ReactNode;
  isEmpty?: (data: T) => boolean;
  empty?: EmptyMessage;
  actions?: ReactNode;
  /** Height kept free while loading, in rows of a table, so that nothing jumps. */
  rows?: number;
  className?: string | undefined;
  /** Keeps the title for screen readers only, where the content speaks for itself. */
  titleHidden?: boolean;
  /** Lets wide content touch the panel's edges. */
  flush?: boolean;
}

const NEVER_EMPTY = () => false;

export function Panel<T>(props: PanelProps<T>) {
  const titleId = useId();
  const reachable = useReachable();
  const state = panelStateOf(props.resource, props.isEmpty ?? NEVER_EMPTY, reachable);
  const classes = [styles.panel, props.flush && styles.flush, props.className];
  const asOf = state.kind === "ready" && state.stale && <AsOf state={state} />;
  const bare = props.titleHidden && !asOf && !props.actions;
  return (
    <section className={classes.filter(Boolean).join(" ")} aria-labelledby={titleId}>
      <header className={bare ? styles.bareHeader : styles.header}>
        <h2 id={titleId} className={props.titleHidden ? "visually-hidden" : undefined}>
          {props.title}
        </h2>
        {asOf}
        {props.actions && <div className={styles.actions}>{props.actions}</div>}
      </header>
      <PanelBody {...props} state={state} />
    </section>
  );
}

function AsOf({ state }: { state: { asOf: number; offline: boolean; trouble: string } }) {
  const { zone } = usePreferences();
  return (
    <span className={styles.asOf} title={state.trouble}>
      <Icon name="warning" size={13} />
      {state.offline ? "Offline, as" : "As"} of {formatTime(state.asOf, "time", zone)}{" "}
      {zoneName(zone)}
    </span>
  );
}

function PanelBody<T>(props: PanelProps<T> & { state: PanelState<T> }) {
  const { state, resource } = props;
  switch (state.kind) {
    case "loading":
      return <Skeleton rows={props.rows ?? 3} />;
    case "empty":
      return <Message text={props.empty?.text ?? "Nothing here yet."} next={props.empty?.next} />;
    case "forbidden":
      return <Message text="Your role may not see this." next="Ask an admin for access." />;
    case "offline":
      return (
        <Message
          text="The server cannot be reached."
          next="This fills as soon as it answers again."
          retry={resource.retry}
        />
      );
    case "error":
      return <Message text={state.message} requestId={state.requestId} retry={resource.retry} />;
    case "ready":
      return (
        <div className={state.stale ? styles.stale : styles.body}>{props.children(state.data)}</div>
      );
  }
}

const SKELETON_ROWS_MAX = 12;

function Skeleton({ rows }: { rows: number }) {
  const lines = Array.from({ length: Math.min(rows, SKELETON_ROWS_MAX) }, (_, line) => line);
  return (
    <div className={styles.skeleton}>
      <span className="visually-hidden">Loading…</span>
      {lines.map((line) => (
        <div key={line} className={styles.line} />
      ))}
    </div>
  );
}

interface MessageProps {
  text: string;
  next?: ReactNode;
  requestId?: string;
  retry?: () => void;
}

function Message({ text, next, requestId, retry }: MessageProps) {
  return (
    <div className={styles.message}>
      <p>{text}</p>
      {next && <p className="muted">{next}</p>}
      {requestId && (
        <p className="muted">
          Request <code>{requestId}</code>
        </p>
      )}
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}
