// Creating the first admin with the token that the start of the system printed.
import { useQuery } from "@tanstack/react-query";
import { Redirect } from "wouter";
import { fetchSetupRequired, PASSWORD_LENGTH_MIN, setUpAdmin } from "@/api/session";
import { Button } from "@/widgets/Button";
import { Field, FormError } from "@/widgets/Form";
import styles from "./Entry.module.css";
import { EntryCard } from "./EntryCard";
import { takeSetupToken } from "./setup_token";
import { useEntryForm } from "./use_entry_form";

// Read once when the page is loaded: drawing it again must not lose the token.
const linkToken = takeSetupToken();

export default function SetUp() {
  const setup = useQuery({ queryKey: ["setup"], queryFn: fetchSetupRequired });
  const { error, pending, submit } = useEntryForm((data) => {
    const token = linkToken || String(data.get("token")).trim();
    return setUpAdmin(token, String(data.get("username")), String(data.get("password")));
  });
  if (setup.data === false) return <Redirect to="/login" replace />;
  return (
    <EntryCard
      title="Create the first admin"
      lead="The admin may trade, change limits and add other people."
    >
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        {!linkToken && (
          <Field
            label="Set-up token"
            name="token"
            autoComplete="one-time-code"
            hint="The start of the system printed it, at the end of the set-up link."
          />
        )}
        <Field label="User name" name="username" autoComplete="username" defaultValue="admin" />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          minLength={PASSWORD_LENGTH_MIN}
          hint={`At least ${PASSWORD_LENGTH_MIN} characters. Whoever has it can trade your money.`}
        />
        <FormError message={error} />
        <Button type="submit" tone="primary" offBecause={pending ? "Under way" : undefined}>
          {pending ? "Creating…" : "Create admin and sign in"}
        </Button>
      </form>
    </EntryCard>
  );
}
