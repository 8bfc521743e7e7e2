// Changing one's own password, which ends all other sessions.
import { type SubmitEvent, useState } from "react";
import { messageOf } from "@/api/errors";
import { changePassword, PASSWORD_LENGTH_MIN } from "@/api/session";
import { Button } from "@/widgets/Button";
import { Field, FormError } from "@/widgets/Form";
import { notify } from "@/widgets/notices";
import styles from "./Settings.module.css";

export function PasswordForm() {
  const [open, setOpen] = useState(false);
  const [error, setError] = useState("");
  const [pending, setPending] = useState(false);

  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    setPending(true);
    setError("");
    try {
      await changePassword(String(data.get("current")), String(data.get("next")));
      notify("done", "The password is changed. All other sessions were ended.");
      setOpen(false);
    } catch (thrown) {
      setError(messageOf(thrown));
    } finally {
      setPending(false);
    }
  };

  if (!open) {
    return (
      <div>
        <Button onClick={() => setOpen(true)}>Change password</Button>
      </div>
    );
  }
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <Field
        label="Present password"
        name="current"
        type="password"
        autoComplete="current-password"
      />
      <Field
        label="New password"
        name="next"
        type="password"
        autoComplete="new-password"
        minLength={PASSWORD_LENGTH_MIN}
        hint={`At least ${PASSWORD_LENGTH_MIN} characters.`}
      />
      <FormError message={error} />
      <div className={styles.buttons}>
        <Button type="submit" tone="primary" offBecause={pending ? "Under way" : undefined}>
          {pending ? "Changing…" : "Change password"}
        </Button>
        <Button onClick={() => setOpen(false)}>Cancel</Button>
      </div>
    </form>
  );
}
