// The files of a diff as a tree that can be filtered.
import { useMemo, useState } from "preact/hooks";
import { DiffStat, Field, Plain } from "../../../parts";
import { fileName } from "./Lines";
import type { FileDiff } from "./parse";

interface Props {
  files: readonly FileDiff[];
  current: number;
  seen: ReadonlySet<string>;
  onChoose: (number: number) => void;
}

interface Group {
  folder: string;
  files: [number, FileDiff][];
}

const MOST_SHOWN = 500;

function groups(files: readonly FileDiff[], filter: string): [Group[], number] {
  const found = new Map<string, Group>();
  const wanted = filter.toLowerCase();
  let count = 0;
  for (const [number, file] of files.entries()) {
    if (wanted && !file.path.toLowerCase().includes(wanted) && !file.oldPath.toLowerCase().includes(wanted)) continue;
    if (++count > MOST_SHOWN) continue;
    const folder = file.path.slice(0, file.path.lastIndexOf("/") + 1);
    const group = found.get(folder) ?? { folder, files: [] };
    group.files.push([number, file]);
    found.set(folder, group);
  }
  return [[...found.values()], count];
}

const SIGNS = { added: "A", deleted: "D", renamed: "R", modified: "M" } as const;

export function Files({ files, current, seen, onChoose }: Props) {
  const [filter, setFilter] = useState("");
  const [found, count] = useMemo(() => groups(files, filter), [files, filter]);
  return (
    <nav class="diff-files" aria-label="Changed files">
      {files.length > 8 && <Field label="Filter files" bare type="search" placeholder="Filter files" value={filter} onInput={setFilter} />}
      {found.map((group) => (
        <div key={group.folder} class="diff-folder">
          {group.folder && (
            <div class="folder-name">
              <Plain text={group.folder} />
            </div>
          )}
          {group.files.map(([number, file]) => (
            <FileLink key={number} file={file} current={number === current} seen={seen.has(file.path)} onChoose={() => onChoose(number)} />
          ))}
        </div>
      ))}
      {count > MOST_SHOWN && <p class="hint">{count - MOST_SHOWN} more: filter them</p>}
      {!count && <p class="hint">no file has that in its name</p>}
    </nav>
  );
}

function FileLink({ file, current, seen, onChoose }: { file: FileDiff; current: boolean; seen: boolean; onChoose: () => void }) {
  return (
    <button
      type="button"
      class={`file-link ${seen ? "seen" : ""}`}
      aria-current={current ? "true" : undefined}
      title={fileName(file)}
      onClick={onChoose}
    >
      <span class={`file-sign ${file.status}`} aria-label={file.status}>
        {SIGNS[file.status]}
      </span>
      <span class="file-name">
        <bdi>
          <Plain text={file.path.slice(file.path.lastIndexOf("/") + 1)} />
        </bdi>
      </span>
      {file.binary ? <span class="hint">binary</span> : <DiffStat added={file.added} removed={file.removed} />}
    </button>
  );
}
