// Results of commands in a corner, and the page's two live regions that read them out: politely
// when something worked, at once when it did not. Ticks and prices are never announced.
import { Button } from "./Button";
import { Icon } from "./Icon";
import { dismissNotice, type Notice, useNotices } from "./notices";
import styles from "./Toasts.module.css";

export function Toasts() {
  const notices = useNotices();
  const of = (tone: Notice["tone"]) => notices.filter((notice) => notice.tone === tone);
  return (
    <div className={styles.corner}>
      <div role="status">{of("done").map(toast)}</div>
      <div role="alert">{of("danger").map(toast)}</div>
    </div>
  );
}

function toast(notice: Notice) {
  return (
    <div key={notice.id} className={`${styles.toast} ${styles[notice.tone]}`}>
      <Icon name={notice.tone === "done" ? "done" : "warning"} />
      <div className={styles.text}>
        <p>{notice.text}</p>
        {notice.requestId && (
          <p className="muted">
            Request <code>{notice.requestId}</code>
          </p>
        )}
      </div>
      <Button tone="quiet" icon="close" iconOnly onClick={() => dismissNotice(notice.id)}>
        Dismiss
      </Button>
    </div>
  );
}
