// Signing in. While there is no admin yet, this leads to the set-up instead.
import { useQuery } from "@tanstack/react-query";
import { Redirect } from "wouter";
import { fetchSetupRequired, signIn } from "@/api/session";
import { Button } from "@/widgets/Button";
import { Field, FormError } from "@/widgets/Form";
import styles from "./Entry.module.css";
import { EntryCard } from "./EntryCard";
import { useEntryForm } from "./use_entry_form";

export default function SignIn() {
  const setup = useQuery({ queryKey: ["setup"], queryFn: fetchSetupRequired });
  const { error, pending, submit } = useEntryForm((data) =>
    signIn(String(data.get("username")), String(data.get("password"))),
  );
  if (setup.data) return <Redirect to="/setup" replace />;
  return (
    <EntryCard title="Sign in" lead="With your account on this system.">
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <Field label="User name" name="username" autoComplete="username" />
        <Field label="Password" name="password" type="password" autoComplete="current-password" />
        <FormError message={error} />
        <Button type="submit" tone="primary" offBecause={pending ? "Under way" : undefined}>
          {pending ? "Signing in…" : "Sign in"}
        </Button>
      </form>
    </EntryCard>
  );
}
