// Fields of forms: a label that stays, a hint, and an error that is read out.
import { type InputHTMLAttributes, type Ref, useId } from "react";
import styles from "./Form.module.css";

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  name: string;
  hint?: string;
  ref?: Ref<HTMLInputElement>;
}

/** A required text field. */
export function Field({ label, hint, ...input }: FieldProps) {
  const id = useId();
  const hintId = `${id}-hint`;
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <input
        required
        autoCapitalize="none"
        spellCheck={false}
        {...input}
        id={id}
        aria-describedby={hint ? hintId : undefined}
      />
      {hint && (
        <p id={hintId} className="muted">
          {hint}
        </p>
      )}
    </div>
  );
}

/** Why a form was not accepted; takes no room while there is nothing to say. */
export function FormError({ message }: { message: string }) {
  return (
    <div role="alert" className={message ? styles.error : undefined}>
      {message}
    </div>
  );
}
