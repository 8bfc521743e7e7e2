// An instrument in a table, with what it belongs to in smaller type below.
import styles from "./SymbolCell.module.css";

interface SymbolCellProps {
  symbol: string | null | undefined;
  detail?: string | null | undefined;
}

export function SymbolCell({ symbol, detail }: SymbolCellProps) {
  return (
    <span className={styles.cell}>
      {symbol}
      {detail && <span className={styles.detail}>{detail}</span>}
    </span>
  );
}
