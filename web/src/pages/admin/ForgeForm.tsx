import { useState } from "preact/hooks";
import { call, type ForgeAnswer, newKey } from "../../api";
import { useDoing } from "../../load";
import { Area, Check, Dialog, Field, Select, toast } from "../../parts";
import { Form } from "./Form";

type Kind = ForgeAnswer["kind"];
type With = "token" | "app";

const KINDS: readonly { value: Kind; label: string }[] = [
  { value: "github", label: "GitHub, also Enterprise" },
  { value: "gitlab", label: "GitLab" },
  { value: "forgejo", label: "Forgejo or Gitea" },
];
const WAYS = [
  { value: "token" as const, label: "a token of a user" },
  { value: "app" as const, label: "a GitHub App" },
];

interface Props {
  /** The one that is changed; none for a new one. */
  before: ForgeAnswer | undefined;
  onDone: () => void;
  onClose: () => void;
}

/** A connection to be made or changed. Secrets go to the server, and never come back. */
export function ForgeForm({ before, onDone, onClose }: Props) {
  const doing = useDoing();
  const [key] = useState(newKey);
  const [kind, setKind] = useState<Kind>(before?.kind ?? "github");
  const [name, setName] = useState(before?.name ?? "");
  const [web, setWeb] = useState(before?.web ?? "");
  const [api, setApi] = useState(before?.api ?? "");
  const [insecure, setInsecure] = useState(false);
  const [secrets, setSecrets] = useState<Given>({
    way: before?.auth === "app" ? "app" : "token",
    token: "",
    app: "",
    pem: "",
    hook: "",
  });
  const clear = (web !== before?.web && isClear(web)) || (api !== before?.api && isClear(api));
  const send = async () => {
    const given = { name, ...(clear && insecure && { insecure }), ...credentialOf(secrets) };
    const done = await doing.run(() => {
      if (!before) return call("POST", "/forges", { body: { ...given, kind, web, api }, key });
      const moved = { ...(web !== before.web && { web }), ...(api !== before.api && { api }) };
      return call("PATCH", "/forges/{forge_id}", { path: { forge_id: before.id }, body: { ...given, ...moved } });
    });
    if (!done) return;
    toast(before ? "Saved" : "Connected; check it now");
    onDone();
    onClose();
  };
  const wrong = doing.error?.fields ?? {};
  return (
    <Dialog title={before ? "Change the connection" : "Connect to a forge"} onClose={onClose} wide>
      <Form doing={doing} onSubmit={() => void send()} yes={before ? "Save" : "Connect"} onCancel={onClose}>
        {!before && <Select label="Kind" value={kind} options={KINDS} onChange={setKind} />}
        <Field label="Name" value={name} onInput={setName} required hint="Letters, digits and . _ -" error={wrong["name"]} />
        <Field
          label="Address"
          value={web}
          onInput={setWeb}
          required={kind === "forgejo"}
          hint="That its repositories are below; empty for the usual one. Another address needs the credential anew"
          error={wrong["web"]}
        />
        <Field label="API" value={api} onInput={setApi} hint="Empty for where it usually is" error={wrong["api"]} />
        {clear && <Insecure checked={insecure} onChange={setInsecure} />}
        <Secrets given={secrets} onChange={setSecrets} kind={kind} fresh={!before} wrong={wrong} />
      </Form>
    </Dialog>
  );
}

/** Whether what is sent there crosses the network in the clear; the server says it, too. */
function isClear(address: string): boolean {
  return /^\s*http:\/\/(?!(localhost|127(\.\d+){3}|\[::1\])(:\d+)?(\/|\s*$))/i.test(address);
}

function Insecure({ checked, onChange }: { checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <div class="admin-wide">
      <Check
        label="Use http://, without encryption"
        checked={checked}
        onChange={onChange}
        hint="Warning: whoever is on the way can read the credential and change what comes back. Only on a network of your own"
      />
    </div>
  );
}

interface Given {
  way: With;
  token: string;
  app: string;
  pem: string;
  hook: string;
}

/** What is left out stays as it is. */
function credentialOf({ way, token, app, pem, hook }: Given): Record<string, string> {
  const own: Record<string, string> = way === "token" ? { token } : { app_id: app, private_key: pem };
  return Object.fromEntries(Object.entries({ ...own, webhook_secret: hook }).filter(([, value]) => value));
}

interface SecretsProps {
  given: Given;
  onChange: (given: Given) => void;
  kind: Kind;
  fresh: boolean;
  wrong: Readonly<Record<string, string>>;
}

function Secrets({ given, onChange, kind, fresh, wrong }: SecretsProps) {
  const set = (name: keyof Given) => (value: string) => onChange({ ...given, [name]: value });
  const stays = fresh ? "" : "Empty: it stays. ";
  return (
    <>
      {kind === "github" && <Select label="With" value={given.way} options={WAYS} onChange={set("way")} />}
      {given.way === "token" || kind !== "github" ? (
        <Field
          label="Token"
          type="password"
          value={given.token}
          onInput={set("token")}
          required={fresh}
          hint={`${stays}It is sealed before it is kept`}
          error={wrong["token"]}
        />
      ) : (
        <>
          <Field label="App id" value={given.app} onInput={set("app")} required={fresh} error={wrong["app_id"]} />
          <Area
            class="admin-wide"
            label="Private key"
            mono
            rows={5}
            value={given.pem}
            onInput={set("pem")}
            hint={`${stays}As PEM; it is sealed before it is kept`}
            error={wrong["private_key"]}
          />
        </>
      )}
      <Field
        label="Secret of webhooks"
        type="password"
        value={given.hook}
        onInput={set("hook")}
        hint={`${stays}At least 16 characters, the same as at the forge`}
        error={wrong["webhook_secret"]}
      />
    </>
  );
}
