import { Plain } from "../../parts";
import "./admin.css";

/** An address, a path or an id: long ones go on in the next line. */
export function Where({ text }: { text: string }) {
  return (
    <code class="admin-where">
      <Plain text={text} />
    </code>
  );
}
