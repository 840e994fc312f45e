import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../api";
import { useDoing, useLoad } from "../load";
import { Button, Field, Trouble } from "../parts";

/** For those who are not signed in; the address stays, so that they come to where they wanted. */
export function SignIn({ onSignedIn }: { onSignedIn: () => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const form = useRef<HTMLFormElement>(null);
  const doing = useDoing();
  const ways = useLoad((signal) => call("GET", "/session/ways", { signal }), []);
  useEffect(() => form.current?.querySelector("input")?.focus(), []);
  useEffect(() => {
    const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1];
    if (!code) return;
    history.replaceState(null, "", location.pathname); // it works once, and stands in no history
    void doing.run(() => call("POST", "/session/code", { body: { code } })).then((done) => done && onSignedIn());
  }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (await doing.run(() => call("POST", "/session", { body: { name, password } }))) onSignedIn();
  };
  return (
    <main class="alone">
      <form ref={form} class="card" onSubmit={(event) => void submit(event)}>
        <h1>
          <span class="moon" aria-hidden="true" /> Midwatch
        </h1>
        <Field label="Name" name="username" value={name} onInput={setName} autocomplete="username" required />
        <Field
          label="Password"
          name="password"
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="current-password"
          required
        />
        {doing.error && <Trouble problem={doing.error} />}
        <Button kind="primary" type="submit" busy={doing.busy}>
          Sign in
        </Button>
        {ways.value?.provider && (
          <a class="button" href={`/api/v1/session/oidc?onward=${encodeURIComponent(location.pathname + location.search)}`}>
            Sign in with your organisation
          </a>
        )}
      </form>
    </main>
  );
}
