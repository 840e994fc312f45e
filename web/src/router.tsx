/** Addresses: which page is shown, and links between them. */
import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

export interface Place {
  path: string;
  query: URLSearchParams;
  /** Without the `#`. */
  hash: string;
}

const HERE = createContext<Place>({ path: "/", query: new URLSearchParams(), hash: "" });
const CHANGED = "midwatch:place";

export function place(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search), hash: location.hash.slice(1) };
}

/** Go to an address of this page. `replace`: without a new entry in the browser's history, for filters. */
export function go(to: string, replace = false): void {
  if (to === location.pathname + location.search + location.hash) return;
  const before = location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  window.dispatchEvent(new Event(CHANGED));
  if (!replace && location.pathname !== before) window.scrollTo(0, 0);
}

/** Change parameters of the query and stay; an empty value takes one away. */
export function setQuery(changes: Readonly<Record<string, string>>): void {
  const here = place();
  for (const [name, value] of Object.entries(changes)) {
    if (value) here.query.set(name, value);
    else here.query.delete(name);
  }
  goWithin(here);
}

/** Stay, with another query or another hash. */
export function goWithin({ path, query, hash }: Place): void {
  const text = query.toString();
  go(path + (text ? `?${text}` : "") + (hash ? `#${hash}` : ""), true);
}

export function Router({ children }: { children: ComponentChildren }) {
  const [here, setHere] = useState(place);
  useEffect(() => {
    const look = () => setHere(place());
    window.addEventListener("popstate", look);
    window.addEventListener(CHANGED, look);
    return () => {
      window.removeEventListener("popstate", look);
      window.removeEventListener(CHANGED, look);
    };
  }, []);
  return <HERE.Provider value={here}>{children}</HERE.Provider>;
}

export function usePlace(): Place {
  return useContext(HERE);
}

/** The parameters of `/tasks/:task` in a path that is one of it, else undefined. */
export function matched(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return undefined;
  const found: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const text = given[at] ?? "";
    if (part.startsWith(":")) {
      try {
        found[part.slice(1)] = decodeURIComponent(text);
      } catch {
        return undefined;
      }
    } else if (part !== text) return undefined;
  }
  return found;
}

interface LinkProps {
  to: string;
  class?: string | undefined;
  children: ComponentChildren;
  title?: string | undefined;
  current?: boolean | undefined;
  label?: string | undefined;
}

/** A link within this page: a real one, so that it can be opened in a tab of its own. */
export function Link({ to, children, current, label, ...more }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} onClick={follow} aria-current={current ? "page" : undefined} aria-label={label} {...more}>
      {children}
    </a>
  );
}

/** A link to another site, which may be one that somebody else has named: only of the web, and told nothing. */
export function Away({ to, children }: { to: string; children: ComponentChildren }) {
  if (!/^https?:\/\//i.test(to)) return <span>{children}</span>;
  return (
    <a href={to} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}
