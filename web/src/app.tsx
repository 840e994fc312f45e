import { Component, type ComponentChildren, type ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call, type Me, Problem, whenSignedOut } from "./api";
import { Frame } from "./layout/Frame";
import { SignIn } from "./layout/SignIn";
import { asProblem } from "./load";
import { Empty, Skeleton, Trouble } from "./parts";
import { type Entry, type PageProps, PAGES } from "./pages";
import { Link, matched, Router, usePlace } from "./router";
import { Session, useMe } from "./session";
import { endStream } from "./stream";

type Who = { me: Me } | { problem: Problem } | "nobody" | undefined;

export function App() {
  const [who, setWho] = useState<Who>();
  const look = () => {
    call("GET", "/me").then(
      (me) => setWho({ me }),
      (error: unknown) => {
        const problem = asProblem(error);
        setWho(problem.status === 401 ? "nobody" : { problem });
      },
    );
  };
  const leave = () => {
    endStream();
    setWho("nobody");
  };
  useEffect(() => {
    whenSignedOut(leave);
    look();
  }, []);
  if (who === undefined) return null;
  if (who === "nobody") return <SignIn onSignedIn={look} />;
  if ("problem" in who) {
    return (
      <main class="alone">
        <Trouble problem={who.problem} onAgain={look} />
      </main>
    );
  }
  return (
    <Session value={who.me}>
      <Router>
        <Here onSignedOut={leave} />
      </Router>
    </Session>
  );
}

function Here({ onSignedOut }: { onSignedOut: () => void }) {
  const me = useMe();
  const { path } = usePlace();
  const known = pageOf(path);
  const found = known?.entry.admin && !me.admin ? undefined : known;
  useEffect(() => {
    document.title = found ? `${found.entry.title} · Midwatch` : "Midwatch";
  }, [found?.entry]);
  return (
    <Frame entry={found?.entry} onSignedOut={onSignedOut}>
      <Guard key={path}>{found ? <Page entry={found.entry} params={found.params} /> : <Missing />}</Guard>
    </Frame>
  );
}

function pageOf(path: string): { entry: Entry; params: Record<string, string> } | undefined {
  for (const entry of PAGES) {
    const params = matched(entry.path, path);
    if (params) return { entry, params };
  }
  return undefined;
}

const loaded = new Map<Entry, ComponentType<PageProps>>();

function Page({ entry, params }: { entry: Entry; params: Record<string, string> }) {
  const [, again] = useState(0);
  const [problem, setProblem] = useState<Problem | undefined>();
  const Found = loaded.get(entry);
  useEffect(() => {
    setProblem(undefined);
    if (loaded.has(entry)) return;
    entry.load().then(
      (module) => {
        loaded.set(entry, module.default);
        again((times) => times + 1);
      },
      () => setProblem(new Problem(0, "this part of the page cannot be loaded", "load the page again: the server may be a newer one")),
    );
  }, [entry]);
  if (problem) return <Trouble problem={problem} onAgain={() => location.reload()} />;
  return Found ? <Found params={params} /> : <Skeleton lines={6} />;
}

function Missing() {
  return (
    <>
      <h1 class="unseen">Not found</h1>
      <Empty title="There is nothing here" action={<Link to="/">To the tasks</Link>}>
        The address is wrong, or what was there is gone, or you may not see it.
      </Empty>
    </>
  );
}

/** A fault in a page is shown in its place; the rest goes on. */
class Guard extends Component<{ children: ComponentChildren }, { problem: Problem | undefined }> {
  override state = { problem: undefined as Problem | undefined };

  override componentDidCatch(error: unknown): void {
    this.setState({ problem: asProblem(error) });
  }

  override render() {
    const { problem } = this.state;
    return problem ? <Trouble problem={problem} onAgain={() => this.setState({ problem: undefined })} /> : this.props.children;
  }
}
