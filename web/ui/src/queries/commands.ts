// What the dashboard can change. Commands go over HTTP, never over the socket, so that they work
// while it is down; each intended change has one key, however often it has to be sent.
import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";
import { ApiError, messageOf } from "@/api/errors";
import { type Method, request } from "@/api/http";
import { newRequestId } from "@/api/identifiers";
import { notify } from "@/widgets/notices";

interface Call {
  method: Method;
  path: string;
  body?: unknown;
  /** Said to the person when it worked. */
  done: string;
  /** Said before the server's reason when it did not, such as "The order was not canceled.". */
  failed: string;
  /** What may have changed by it. */
  changes: readonly QueryKey[];
}

export interface Command<Input> {
  run: (input: Input, after?: () => void) => void;
  pending: boolean;
  /** The input of the call under way. */
  pendingInput: Input | undefined;
}

function useCommand<Input>(callOf: (input: Input) => Call): Command<Input> {
  const client = useQueryClient();
  const mutation = useMutation({
    mutationFn: async ({ input, key }: { input: Input; key: string }) => {
      const { method, path, body } = callOf(input);
      await request(method, path, { body, idempotencyKey: key });
    },
    onSuccess: (_, { input }) => notify("done", callOf(input).done),
    onError: (error, { input }) => {
      const requestId = error instanceof ApiError ? error.requestId : "";
      notify("danger", `${callOf(input).failed} ${messageOf(error)}`, requestId);
    },
    onSettled: async (_, __, { input }) => {
      const refreshed = callOf(input).changes.map((queryKey) =>
        client.invalidateQueries({ queryKey }),
      );
      await Promise.all(refreshed);
    },
  });
  return {
    run: (input, after) =>
      mutation.mutate({ input, key: newRequestId() }, { onSettled: () => after?.() }),
    pending: mutation.isPending,
    pendingInput: mutation.isPending ? mutation.variables?.input : undefined,
  };
}

export function useStartStrategy(): Command<string> {
  return useCommand((id) => ({
    method: "POST",
    path: `/api/v1/strategies/${encodeURIComponent(id)}/start`,
    done: `${id} is starting.`,
    failed: `${id} was not started.`,
    changes: [["strategies"]],
  }));
}

export function useStopStrategy(): Command<string> {
  return useCommand((id) => ({
    method: "POST",
    path: `/api/v1/strategies/${encodeURIComponent(id)}/stop`,
    done: `${id} is stopped. Its positions and working orders stay.`,
    failed: `${id} was not stopped.`,
    changes: [["strategies"]],
  }));
}

export function useCancelOrder(): Command<{ id: string; label: string }> {
  return useCommand(({ id, label }) => ({
    method: "DELETE",
    path: `/api/v1/orders/${encodeURIComponent(id)}`,
    done: `Cancel of ${label} was asked for.`,
    failed: `${label} was not canceled.`,
    changes: [["orders"]],
  }));
}

export function useHalt(): Command<string> {
  return useCommand((reason) => ({
    method: "POST",
    path: "/api/v1/risk/halt",
    body: { reason },
    done: "Trading is halted.",
    failed: "TRADING WAS NOT HALTED.",
    changes: [["risk"], ["orders"], ["strategies"]],
  }));
}

export function useResume(): Command<string> {
  return useCommand((reason) => ({
    method: "POST",
    path: "/api/v1/risk/resume",
    body: { reason },
    done: "Trading is resumed.",
    failed: "Trading was not resumed.",
    changes: [["risk"], ["strategies"]],
  }));
}
