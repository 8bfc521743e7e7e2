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

interface SelectFieldProps {
  label: string;
  name: string;
  options: readonly string[];
  defaultValue?: string | undefined;
  onChange?: (value: string) => void;
}

/** One of several words. */
export function SelectField({ label, name, options, defaultValue, onChange }: SelectFieldProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        name={name}
        defaultValue={defaultValue}
        onChange={(event) => onChange?.(event.target.value)}
      >
        {options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    </div>
  );
}

interface ChoicesFieldProps {
  legend: string;
  name: string;
  options: readonly string[];
}

/** Any of several words. */
export function ChoicesField({ legend, name, options }: ChoicesFieldProps) {
  return (
    <fieldset className={styles.choices}>
      <legend>{legend}</legend>
      <div className={styles.scroll}>
        {options.map((option) => (
          <label key={option}>
            <input type="checkbox" name={name} value={option} /> {option}
          </label>
        ))}
      </div>
    </fieldset>
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
