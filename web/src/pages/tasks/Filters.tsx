import { useEffect, useRef, useState } from "preact/hooks";
import type { RepositoryAnswer } from "../../api";
import { useKeys } from "../../keys";
import { useLate } from "../../load";
import { Check, Field, plain, Select } from "../../parts";
import { setQuery } from "../../router";
import { type Filter, STATES } from "./filter";

/** What is listed. */
export function Filters({ filter, repositories }: { filter: Filter; repositories: readonly RepositoryAnswer[] }) {
  const [text, setText] = useState(filter.text);
  const late = useLate(text);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => setQuery({ text: late }), [late]);
  useKeys([{ key: "/", about: "Search", run: () => box.current?.querySelector("input")?.focus() }]);
  return (
    <div class="row filters" role="search" ref={box}>
      <Field label="Search" bare type="search" class="filter-text" value={text} onInput={setText} placeholder="Search" />
      <Select
        label="State"
        bare
        value={filter.status}
        options={[{ value: "", label: "Any state" }, ...STATES.map((one) => ({ value: one, label: one }))]}
        onChange={(status) => setQuery({ status })}
      />
      <Select
        label="Repository"
        bare
        value={filter.repository}
        options={[{ value: "", label: "All repositories" }, ...repositories.map((one) => ({ value: one.id, label: plain(one.name) }))]}
        onChange={(repository) => setQuery({ repository })}
      />
      <Check label="Mine" checked={filter.mine} onChange={(on) => setQuery({ mine: on ? "1" : "" })} />
      <Check label="Archived" checked={filter.archived} onChange={(on) => setQuery({ archived: on ? "1" : "" })} />
    </div>
  );
}
