// Words of models as the page shows them: nodes that are made one by one, never markup.
import type { ComponentChildren } from "preact";
import { useContext, useMemo } from "preact/hooks";
import { Away } from "../../../router";
import { Known } from "../known";
import { cited, type LogPlace, toHash } from "./citations";
import { type Block, type Inline, markdown } from "./markdown";
import { plain } from "../../../parts";
import { Shown } from "./Shown";

export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => markdown(text), [text]);
  return (
    <div class="markdown">
      <Blocks blocks={blocks} />
    </div>
  );
}

function Blocks({ blocks }: { blocks: readonly Block[] }) {
  return (
    <>
      {blocks.map((one, at) => (
        <One key={at} block={one} />
      ))}
    </>
  );
}

function One({ block }: { block: Block }) {
  switch (block.kind) {
    case "paragraph":
      return (
        <p>
          <Inlines parts={block.parts} />
        </p>
      );
    case "heading":
      return (
        <Heading level={block.level}>
          <Inlines parts={block.parts} />
        </Heading>
      );
    case "code":
      return (
        <pre class="code-block" tabIndex={0}>
          <code>
            <Shown text={block.text} />
          </code>
        </pre>
      );
    case "quote":
      return (
        <blockquote>
          <Blocks blocks={block.blocks} />
        </blockquote>
      );
    case "list":
      return <List block={block} />;
    case "table":
      return <Table head={block.head} rows={block.rows} />;
    case "details":
      return (
        <details>
          <summary>
            <Shown text={block.summary} />
          </summary>
          <Blocks blocks={block.blocks} />
        </details>
      );
    case "rule":
      return <hr />;
  }
}

/** Below the headings of the page. */
function Heading({ level, children }: { level: number; children: ComponentChildren }) {
  if (level <= 2) return <h3>{children}</h3>;
  return level === 3 ? <h4>{children}</h4> : <h5>{children}</h5>;
}

function List({ block }: { block: Extract<Block, { kind: "list" }> }) {
  const items = block.items.map((item, at) => (
    <li key={at} class={item.done === undefined ? undefined : "task-item"}>
      {item.done !== undefined && (
        <span class="task-box" role="img" aria-label={item.done ? "done" : "open"}>
          {item.done ? "☑" : "☐"}
        </span>
      )}
      <Blocks blocks={item.blocks} />
    </li>
  ));
  return block.ordered ? <ol start={block.start}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ head, rows }: { head: readonly Inline[][]; rows: readonly Inline[][][] }) {
  return (
    <div class="table-scroll" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((cell, at) => (
              <th key={at} scope="col">
                <Inlines parts={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, column) => (
                <td key={column}>
                  <Inlines parts={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Inlines({ parts }: { parts: readonly Inline[] }) {
  return (
    <>
      {parts.map((part, at) => (
        <Part key={at} part={part} />
      ))}
    </>
  );
}

function Part({ part }: { part: Inline }) {
  switch (part.kind) {
    case "text":
      return <Citing text={part.text} />;
    case "code":
      return (
        <code>
          <Citing text={part.text} />
        </code>
      );
    case "strong":
      return (
        <strong>
          <Inlines parts={part.parts} />
        </strong>
      );
    case "emphasis":
      return (
        <em>
          <Inlines parts={part.parts} />
        </em>
      );
    case "strike":
      return (
        <s>
          <Inlines parts={part.parts} />
        </s>
      );
    case "link":
      return (
        <Outward to={part.to}>
          <Inlines parts={part.parts} />
        </Outward>
      );
  }
}

/** A link that somebody else has written: where it leads is said before it is followed. */
function Outward({ to, children }: { to: string; children: ComponentChildren }) {
  if (!/^https?:\/\//i.test(to)) return <span title={plain(to)}>{children}</span>;
  let host = "";
  try {
    host = new URL(to).host;
  } catch {
    return <span>{children}</span>;
  }
  return (
    <span class="outward" title={plain(to)}>
      <Away to={to}>{children}</Away>
      <span class="host"> ({host})</span>
    </span>
  );
}

/** Text whose citations lead to the log. */
export function Citing({ text }: { text: string }) {
  const known = useContext(Known);
  return (
    <>
      {cited(text, known).map((one, at) =>
        one.place ? <Cite key={at} place={one.place} text={one.text} /> : <Shown key={at} text={one.text} />,
      )}
    </>
  );
}

export function Cite({ place, text }: { place: LogPlace; text: string }) {
  return (
    <a class="cite" href={`#${toHash(place)}`}>
      <Shown text={text} />
    </a>
  );
}
