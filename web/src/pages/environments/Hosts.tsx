/** Which hosts a box reaches: none, the registries of packages, or a list. There is no choice of all: a recipe has none. */
import { useState } from "preact/hooks";
import { call } from "../../api";
import { useLoad } from "../../load";
import { Check, Shown, Switch } from "../../parts";
import { List } from "./RecipeForm";

type Way = "none" | "common" | "custom";

interface Props {
  label: string;
  value: readonly string[];
  onChange: (value: string[]) => void;
  disabled: boolean;
}

const COMMON = "preset:common";
const ONLY = " read-only";

export function Hosts({ label, value, onChange, disabled }: Props) {
  const way = wayOf(value);
  const [listing, setListing] = useState(false);
  const custom = listing || way === "custom";
  const chosen: Way = custom ? "custom" : way;
  const choose = (next: Way) => {
    setListing(next === "custom");
    if (next !== "custom") onChange(next === "none" ? [] : [COMMON]);
  };
  const options = [
    { value: "none", label: "None", disabled },
    { value: "common", label: "Common dependencies", disabled },
    { value: "custom", label: "Custom hosts", disabled },
  ] as const;
  return (
    <fieldset class="environments-hosts">
      <legend>{label}</legend>
      <Switch label={label} value={chosen} options={options} onChange={choose} />
      {chosen === "common" && <Registries />}
      {custom && <Custom value={value} onChange={onChange} disabled={disabled} />}
    </fieldset>
  );
}

function Custom({ value, onChange, disabled }: Omit<Props, "label">) {
  const hosts = value.filter((one) => !one.startsWith("preset:"));
  const reading = hosts.length > 0 && hosts.every((one) => one.endsWith(ONLY));
  const turned = (one: string, only: boolean) => {
    if (one.startsWith("preset:") || only === one.endsWith(ONLY)) return one;
    return only ? one + ONLY : one.slice(0, -ONLY.length);
  };
  const turn = (only: boolean) => onChange(value.map((one) => turned(one, only)));
  return (
    <>
      <List
        label="Hosts"
        hint="One in a line: pypi.org, *.example.com, example.com:8443, preset:python; “read-only” after it for reading."
        value={value}
        onChange={onChange}
        disabled={disabled}
      />
      <Check
        label="Only GET, HEAD and OPTIONS"
        hint="Of all hosts in the list. Presets are so already."
        checked={reading}
        disabled={disabled || !hosts.length}
        onChange={turn}
      />
    </>
  );
}

function Registries() {
  const found = useLoad((signal) => call("GET", "/environments/presets", { signal }), []);
  return (
    <details>
      <summary>Registries of packages, read-only</summary>
      <Shown of={found} lines={2}>
        {({ presets }) => (
          <ul class="environments-registries">
            {presets.find((one) => one.name === "common")?.hosts.map((one) => <li key={one}>{one.replace(ONLY, "")}</li>)}
          </ul>
        )}
      </Shown>
    </details>
  );
}

function wayOf(value: readonly string[]): Way {
  if (!value.length) return "none";
  return value.length === 1 && value[0] === COMMON ? "common" : "custom";
}
