// The last line of defence: a fault in the page shows what happened instead of a blank screen. A
// missing chunk means that a newer version was installed, which a reload puts right.
import { Component, type ReactNode } from "react";
import { messageOf } from "@/api/errors";
import { Button } from "@/widgets/Button";
import styles from "./App.module.css";

interface BoundaryState {
  error: unknown;
}

export class Boundary extends Component<{ children: ReactNode }, BoundaryState> {
  override state: BoundaryState = { error: null };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <div className={styles.whole} role="alert">
        <h1>This page could not be shown</h1>
        <p>{messageOf(error)}</p>
        <p>The trading system itself is not affected.</p>
        <Button tone="primary" onClick={() => window.location.reload()}>
          Reload the page
        </Button>
      </div>
    );
  }
}
