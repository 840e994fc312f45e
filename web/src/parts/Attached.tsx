import { useRef } from "preact/hooks";
import { type Attached, PICTURES } from "./attached";
import { Button } from "./Button";
import { Icon } from "./Icon";
import { plain } from "./Plain";

/** Opens the browser's own choice of files. */
export function AttachButton({ attached }: { attached: Attached }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button
        kind="quiet"
        class="attach"
        label="Add pictures"
        title="Add pictures: or paste them, or drop them here"
        onClick={() => input.current?.click()}
      >
        <Icon name="picture" />
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={PICTURES.join()}
        aria-label="Pictures"
        onChange={(event) => {
          attached.add([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = ""; // the same file may be chosen again
        }}
      />
    </>
  );
}

/** What is attached, small; and what could not be. */
export function AttachedList({ attached }: { attached: Attached }) {
  const list = useRef<HTMLUListElement>(null);
  /** The focus goes on to the next one, else it would be nowhere. */
  const pass = (at: number) => {
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    const next = buttons[at + 1] ?? buttons[at - 1] ?? list.current?.closest("form")?.querySelector<HTMLElement>(".attach");
    next?.focus();
  };
  return (
    <>
      {attached.all.length > 0 && (
        <ul class="plain-list attached" ref={list} aria-label="Pictures that are sent with it">
          {attached.all.map((one, at) => (
            <li key={one.id}>
              <img src={one.address} alt={plain(one.name)} />
              <Button kind="quiet" label={`Remove ${plain(one.name)}`} onClick={() => (pass(at), attached.remove(one.id))}>
                ✕
              </Button>
            </li>
          ))}
        </ul>
      )}
      {attached.error && (
        <p class="error-text" role="alert">
          {plain(attached.error)}
        </p>
      )}
    </>
  );
}
