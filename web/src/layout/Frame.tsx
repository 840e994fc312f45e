/** What stands around every page: the navigation, who is signed in, whether the server is heard. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../api";
import { useKeys } from "../keys";
import { keep } from "../load";
import { attempt, Icon, Menu, Plain, Toasts } from "../parts";
import { type Entry, PAGES } from "../pages";
import { go, Link, usePlace } from "../router";
import { useMe } from "../session";
import { useOnline } from "../stream";
import { setTheme, theme, type Theme } from "../theme";
import { KeysDialog } from "./KeysDialog";

interface Props {
  entry: Entry | undefined;
  onSignedOut: () => void;
  children: ComponentChildren;
}

export function Frame({ entry, onSignedOut, children }: Props) {
  const [keysShown, setKeysShown] = useState(false);
  const [open, setOpen] = useState(false);
  const place = usePlace();
  const main = useRef<HTMLElement>(null);
  const ways = useNavigation();
  useEffect(() => setOpen(false), [place.path]);
  useKeys([
    { key: "?", about: "Show all keys", run: () => setKeysShown(true) },
    ...(open ? [{ key: "Escape", about: "Close the navigation", run: () => setOpen(false) }] : []),
    ...ways.filter((one) => one.key).map((one) => ({ key: `g ${one.key}`, about: `Go to ${one.title}`, run: () => go(one.path) })),
  ]);
  return (
    <div class={`frame ${open ? "open" : ""}`}>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to the content
      </a>
      <header class="top">
        <button type="button" class="button quiet burger" aria-label="Navigation" aria-expanded={open} onClick={() => setOpen(!open)}>
          ☰
        </button>
        <Link to="/" class="brand">
          <span class="moon" aria-hidden="true" /> Midwatch
        </Link>
        <Offline />
        <Person onKeys={() => setKeysShown(true)} onSignedOut={onSignedOut} />
      </header>
      <Navigation ways={ways} current={entry} />
      <main id="main" tabIndex={-1} ref={main}>
        {children}
      </main>
      <Toasts />
      {keysShown && <KeysDialog onClose={() => setKeysShown(false)} />}
    </div>
  );
}

function useNavigation(): readonly Entry[] {
  const me = useMe();
  return PAGES.filter((one) => one.nav && (me.admin || !one.admin));
}

const GROUPS = [
  ["main", ""],
  ["own", "Yours"],
  ["admin", "Administration"],
] as const;

function Navigation({ ways, current }: { ways: readonly Entry[]; current: Entry | undefined }) {
  return (
    <nav class="side" aria-label="Pages">
      {GROUPS.map(([group, title]) => {
        const within = ways.filter((one) => one.nav === group);
        return (
          within.length > 0 && (
            <div key={group} class="nav-group">
              {title && <h2>{title}</h2>}
              {within.map((one) => (
                <Link key={one.path} to={one.path} current={one === current}>
                  {one.icon && <Icon name={one.icon} />}
                  {one.title}
                </Link>
              ))}
            </div>
          )
        );
      })}
    </nav>
  );
}

function Offline() {
  const online = useOnline();
  return (
    <span class="offline" role="status">
      {online ? "" : "Not connected: what you see may be old. Trying again…"}
    </span>
  );
}

function Person({ onKeys, onSignedOut }: { onKeys: () => void; onSignedOut: () => void }) {
  const me = useMe();
  const [now, setNow] = useState(theme);
  const choose = (to: Theme) => () => {
    setTheme(to);
    setNow(to);
  };
  const leave = async () => {
    if (await attempt(() => call("DELETE", "/session"))) {
      keep("draft", ""); // the next one at this browser may be another person
      onSignedOut();
    }
  };
  const themes = (["system", "light", "dark"] as const).map((one) => ({
    label: { system: "As the system", light: "Light", dark: "Dark" }[one],
    checked: now === one,
    run: choose(one),
  }));
  return (
    <Menu
      label={`Signed in as ${me.name}`}
      class="person"
      items={[...themes, { label: "Keys", run: onKeys }, { label: "Sign out", run: () => void leave() }]}
    >
      <Plain text={me.name} /> ▾
    </Menu>
  );
}
