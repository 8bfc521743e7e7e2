// The product's mark: three bars of a price chart.
import styles from "./Mark.module.css";

export function Mark() {
  return (
    <svg width="24" height="24" viewBox="0 0 24 24" aria-hidden="true">
      <rect width="24" height="24" rx="6" className={styles.ground} />
      <path
        d="M7 5.5v13M12 4v16M17 7v10"
        className={styles.wick}
        strokeWidth="1.4"
        strokeLinecap="round"
      />
      <path
        d="M7 9.5v6M12 7v6M17 9v5"
        className={styles.body}
        strokeWidth="3.6"
        strokeLinecap="round"
      />
    </svg>
  );
}
