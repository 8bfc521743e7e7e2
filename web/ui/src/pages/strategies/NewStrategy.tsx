// Creating a strategy from a plug-in. It stays stopped until it is started, so nothing is asked.
import { useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { messageOf } from "@/api/errors";
import type { ParameterSpec, StrategyType } from "@/api/types";
import { sentenceCase } from "@/format/words";
import { useInstruments } from "@/queries/market";
import { createStrategy, type NewStrategy, useStrategyTypes } from "@/queries/strategies";
import { Button } from "@/widgets/Button";
import { Drawer } from "@/widgets/Drawer";
import { ChoicesField, Field, FormError, SelectField } from "@/widgets/Form";
import { notify } from "@/widgets/notices";
import { Panel } from "@/widgets/Panel";
import styles from "./Strategies.module.css";

const TIMEFRAMES = ["1s", "5s", "1m", "5m", "15m", "1h", "4h", "1d"] as const;
const PARAMETER_PREFIX = "parameter.";

/** What the form says, as the call takes it; a parameter left empty keeps its default. */
export function readForm(data: FormData): NewStrategy {
  const text = (name: string) => String(data.get(name) ?? "").trim();
  const parameters = [...data.entries()].flatMap(([name, value]) =>
    name.startsWith(PARAMETER_PREFIX) && value
      ? [[name.slice(PARAMETER_PREFIX.length), String(value)]]
      : [],
  );
  return {
    id: text("id"),
    type: text("type"),
    symbols: data.getAll("symbols").map(String),
    timeframe: text("timeframe"),
    parameters: Object.fromEntries(parameters) as Record<string, string>,
  };
}

export function NewStrategyDrawer({ onClose }: { onClose: () => void }) {
  const types = useStrategyTypes();
  return (
    <Drawer title="New strategy" onClose={onClose}>
      <Panel
        title="From a plug-in"
        titleHidden
        resource={types}
        isEmpty={(list) => list.length === 0}
        empty={{
          text: "No plug-ins were found.",
          next: "Put one into the strategies folder of the system's home.",
        }}
        rows={6}
      >
        {(list) => <Form types={list.filter((type) => !type.problem)} onClose={onClose} />}
      </Panel>
    </Drawer>
  );
}

function Form({ types, onClose }: { types: StrategyType[]; onClose: () => void }) {
  const [typeName, setTypeName] = useState(types[0]?.name ?? "");
  const type = types.find((candidate) => candidate.name === typeName);
  const { data: instruments } = useInstruments();
  const symbols = (instruments ?? []).flatMap((item) =>
    item.symbol && item.tradable !== false ? [item.symbol] : [],
  );
  const { error, pending, submit } = useCreation(onClose);
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <SelectField
        label="Plug-in"
        name="type"
        options={types.flatMap((candidate) => candidate.name ?? [])}
        defaultValue={typeName}
        onChange={setTypeName}
      />
      {type?.description && <p className="muted">{type.description}</p>}
      <Field
        label="Name"
        name="id"
        pattern="[a-z0-9][a-z0-9\-]*"
        title="Lower case letters, digits and dashes"
        hint="Lower case letters, digits and dashes, such as ma-crossover-acme."
      />
      <ChoicesField legend="Symbols" name="symbols" options={symbols} />
      <SelectField label="Bars of" name="timeframe" options={TIMEFRAMES} defaultValue="1m" />
      {(type?.parameters ?? []).map((spec) => (
        <ParameterField key={`${typeName}.${spec.name}`} spec={spec} />
      ))}
      <FormError message={error} />
      <div className={styles.buttons}>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" tone="primary" offBecause={pending ? "Under way" : undefined}>
          {pending ? "Creating…" : "Create strategy"}
        </Button>
      </div>
    </form>
  );
}

function useCreation(onClose: () => void) {
  const client = useQueryClient();
  const [error, setError] = useState("");
  const [pending, setPending] = useState(false);
  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const strategy = readForm(new FormData(event.currentTarget));
    if (strategy.symbols.length === 0) return setError("Choose at least one symbol.");
    setPending(true);
    setError("");
    try {
      await createStrategy(strategy);
      notify("done", `${strategy.id} is created. It is stopped until you start it.`);
      await client.invalidateQueries({ queryKey: ["strategies", "list"] });
      onClose();
    } catch (thrown) {
      setError(messageOf(thrown));
      setPending(false);
    }
  };
  return { error, pending, submit };
}

function ParameterField({ spec }: { spec: ParameterSpec }) {
  const name = `${PARAMETER_PREFIX}${spec.name}`;
  const label = sentenceCase(spec.name);
  if (spec.kind === "boolean") {
    return (
      <SelectField
        label={label}
        name={name}
        options={["true", "false"]}
        defaultValue={spec.default_value ?? undefined}
      />
    );
  }
  const numeric = spec.kind === "integer" || spec.kind === "number";
  const range = numeric
    ? { min: spec.minimum || undefined, max: spec.maximum || undefined }
    : { maxLength: 200 };
  return (
    <Field
      label={label}
      name={name}
      required={false}
      type={numeric ? "number" : "text"}
      step={spec.kind === "number" ? "any" : undefined}
      defaultValue={spec.default_value ?? ""}
      hint={spec.description ?? ""}
      {...range}
    />
  );
}
