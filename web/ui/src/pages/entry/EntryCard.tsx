// The frame of the pages before signing in.
import type { ReactNode } from "react";
import { Mark } from "@/app/Mark";
import styles from "./Entry.module.css";

interface EntryCardProps {
  title: string;
  lead: string;
  children: ReactNode;
}

export function EntryCard({ title, lead, children }: EntryCardProps) {
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <p className={styles.brand}>
          <Mark />
          Pi5 Trading System
        </p>
        <h1>{title}</h1>
        <p className="muted">{lead}</p>
        {children}
      </div>
    </main>
  );
}
