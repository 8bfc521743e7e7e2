// A question before something that matters. The native modal dialog moves the focus in and back,
// makes the page inert and closes on Esc. React's autoFocus is not the HTML attribute, so the
// focus is set by reference after opening.
import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button } from "./Button";
import styles from "./Dialog.module.css";

interface ConfirmDialogProps {
  open: boolean;
  title: string;
  /** What follows from it, in numbers where there are any. */
  children: ReactNode;
  /** Verb and object, such as "Start ma-cross"; never "OK". */
  confirmLabel: string;
  pendingLabel: string;
  pending: boolean;
  tone?: "primary" | "danger";
  /** Where the focus goes: on Cancel when the answer adds risk, on the verb in an emergency. */
  focus: "cancel" | "confirm";
  onConfirm: () => void;
  onCancel: () => void;
}

export function ConfirmDialog(props: ConfirmDialogProps) {
  const { open, focus, pending, onCancel } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const confirm = useRef<HTMLButtonElement>(null);
  const titleId = useId();
  const textId = useId();

  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (open && !element.open) {
      element.showModal();
      (focus === "cancel" ? cancel : confirm).current?.focus();
    } else if (!open && element.open) element.close();
  }, [open, focus]);

  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby={titleId}
      aria-describedby={textId}
      onClose={() => open && onCancel()}
    >
      <h2 id={titleId} className={styles.title}>
        {props.title}
      </h2>
      <div id={textId} className={styles.text}>
        {props.children}
      </div>
      <div className={styles.buttons}>
        <Button ref={cancel} onClick={onCancel}>
          Cancel
        </Button>
        <Button
          ref={confirm}
          tone={props.tone ?? "primary"}
          offBecause={pending ? "Under way" : undefined}
          onClick={props.onConfirm}
        >
          {pending ? props.pendingLabel : props.confirmLabel}
        </Button>
      </div>
    </dialog>
  );
}
