// Buttons: always with a word, always with a type, and able to say why they are off.
import type { ButtonHTMLAttributes, Ref } from "react";
import styles from "./Button.module.css";
import { Icon, type IconName } from "./Icon";

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "disabled"> {
  tone?: "plain" | "quiet" | "primary" | "danger";
  icon?: IconName;
  /** Why the button cannot be used now; it stays focusable so that everybody can read it. */
  offBecause?: string | undefined;
  /** Hides the word on screen only; screen readers still get it. */
  iconOnly?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button(props: ButtonProps) {
  const {
    tone = "plain",
    icon,
    offBecause,
    iconOnly,
    children,
    onClick,
    className,
    ...rest
  } = props;
  const classes = [styles.button, styles[tone], iconOnly && styles.iconOnly, className];
  return (
    <button
      type="button"
      {...rest}
      className={classes.filter(Boolean).join(" ")}
      aria-disabled={offBecause ? true : undefined}
      title={offBecause ?? rest.title}
      onClick={offBecause ? (event) => event.preventDefault() : onClick}
    >
      {icon && <Icon name={icon} />}
      <span className={iconOnly ? "visually-hidden" : undefined}>{children}</span>
      {offBecause && <span className="visually-hidden"> ({offBecause})</span>}
    </button>
  );
}
