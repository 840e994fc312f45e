// Text of others in the page: always text nodes, and no direction of writing reaches beyond it.
import { Ansi, Plain } from "../../../parts";

/** Any text that a model, a repository, a file name or a person supplied, within a line. */
export function Shown({ text }: { text: string }) {
  return (
    <bdi>
      <Plain text={text} />
    </bdi>
  );
}

/** Lines of a terminal's. */
export function Terminal({ text }: { text: string }) {
  return (
    <pre class="terminal" tabIndex={0}>
      <Ansi text={text} />
    </pre>
  );
}
