// One of a few, as a row of radio buttons.
import { useId } from "react";
import styles from "./Segments.module.css";

interface SegmentsProps<T extends string> {
  label: string;
  options: readonly T[];
  value: T;
  onChange: (value: T) => void;
  /** The words of the options; the options themselves when not given. */
  words?: Record<T, string>;
}

export function Segments<T extends string>(props: SegmentsProps<T>) {
  const name = useId();
  return (
    <fieldset className={styles.segments}>
      <legend className="visually-hidden">{props.label}</legend>
      {props.options.map((option) => (
        <label key={option} className={styles.segment}>
          <input
            type="radio"
            className="visually-hidden"
            name={name}
            checked={option === props.value}
            onChange={() => props.onChange(option)}
          />
          <span>{props.words?.[option] ?? option}</span>
        </label>
      ))}
    </fieldset>
  );
}
