// A patch as the model wrote it: small, by file.
import { useMemo } from "preact/hooks";
import { Plain } from "../../../parts";

interface Part {
  title: string;
  kind: string;
  lines: string[];
}

const HEADING = /^\*\*\* (Add|Update|Delete) File: (.*)$/;
const MOST_LINES = 200;

function parts(patch: string): Part[] {
  const found: Part[] = [];
  for (const line of patch.split("\n")) {
    const heading = HEADING.exec(line);
    if (heading) found.push({ kind: heading[1] ?? "", title: heading[2] ?? "", lines: [] });
    else if (line.startsWith("*** Move to: ")) {
      const last = found.at(-1);
      if (last) last.title += ` → ${line.slice(13)}`;
    } else if (!line.startsWith("*** ")) found.at(-1)?.lines.push(line);
  }
  return found;
}

const CLASSES: Record<string, string> = { "+": "added", "-": "removed", "@": "hunk" };

export function Edit({ patch }: { patch: string }) {
  const found = useMemo(() => parts(patch), [patch]);
  return (
    <div class="edit">
      {found.map((part, at) => (
        <div key={at} class="edit-file">
          <div class="edit-title">
            {part.kind}{" "}
            <bdi>
              <Plain text={part.title} />
            </bdi>
          </div>
          <div class="edit-lines">
            {part.lines.slice(0, MOST_LINES).map((line, row) => (
              <code key={row} dir="ltr" class={`edit-line ${CLASSES[line[0] ?? ""] ?? ""}`}>
                <Plain text={line || " "} />
              </code>
            ))}
            {part.lines.length > MOST_LINES && <span class="hint">… {part.lines.length - MOST_LINES} more lines: the diff has all</span>}
          </div>
        </div>
      ))}
    </div>
  );
}
