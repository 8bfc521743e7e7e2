// Sending an entry form: one call at a time, the reason when it is refused, the session when not.
import { type SubmitEvent, useState } from "react";
import { ApiError, messageOf } from "@/api/errors";
import { beginSession } from "@/app/session";

/** Words for refusals that the codes of the server tell best. */
function refusalOf(error: unknown): string {
  if (error instanceof ApiError && error.status === 429) {
    return `Too many tries. Wait a little. ${error.message}`;
  }
  return messageOf(error);
}

export function useEntryForm(send: (data: FormData) => Promise<unknown>) {
  const [error, setError] = useState("");
  const [pending, setPending] = useState(false);
  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (pending) return;
    setPending(true);
    setError("");
    try {
      await send(new FormData(event.currentTarget));
      await beginSession();
    } catch (thrown) {
      setError(refusalOf(thrown));
      setPending(false);
    }
  };
  return { error, pending, submit };
}
