// Details beside the page: a modal dialog at the right edge that covers a phone wholly.
import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button } from "./Button";
import styles from "./Dialog.module.css";

interface DrawerProps {
  title: string;
  children: ReactNode;
  onClose: () => void;
}

/** Opens when it is put on the page; take it off the page in onClose. */
export function Drawer({ title, children, onClose }: DrawerProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog ref={dialog} className={styles.drawer} aria-labelledby={titleId} onCancel={onClose}>
      <header className={styles.drawerHeader}>
        <h2 id={titleId} className={styles.title}>
          {title}
        </h2>
        <Button tone="quiet" icon="close" iconOnly onClick={onClose}>
          Close
        </Button>
      </header>
      <div className={styles.drawerBody}>{children}</div>
    </dialog>
  );
}
