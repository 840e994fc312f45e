// Made by `python -m scripts.page_types` from the server's OpenAPI document. Not to be edited.

export type Nothing = Record<string, never>;

export interface Archived {
  task: string;
  archived: boolean;
}

export interface ArrivalLine {
  id: string;
  /** Its id as the forge gave it; begins with `look` for what was found by looking. */
  delivery: string;
  /** What it is: `labelled`, `remark`, `changed`, `run`, … */
  event: string;
  /** The repository, as the forge calls it. */
  slug: string;
  /** Of the issue or the pull request; 0 for none. */
  number: number;
  /** `waiting`, `done`, `ignored` or `failed`. */
  state: string;
  /** What came of it. */
  outcome: string;
  /** Why the last try came to nothing. */
  error: string;
  /** The id of the task that it was about, or that came of it. */
  task: string | null;
  /** Whether it was found by looking, and not told. */
  looked: boolean;
  created: string;
}

export interface ArrivalPage {
  arrivals: ArrivalLine[];
  /** What `before` takes for the next page; null at the end. */
  next: string | null;
}

export interface AttemptAnswer {
  id: string;
  /** How many there are; also the number of the last one. */
  events: number;
  /** Kind of the last event; empty when there is none. */
  last_kind: string;
  updated: string;
  task: string;
  status: string;
  /** Why it failed or stopped; empty otherwise. */
  detail: string;
  mend: string;
  turns: number;
  tokens: Record<string, number>;
  /** null when the price of a call is not known. */
  cost_microusd: number | null;
  seconds: number;
  /** The model's last words. */
  text: string;
  limit: string;
  commands: number;
  verdict: string;
  tree: string;
  commit: string;
  /** Of the last event. */
  hash: string;
}

export interface AttemptLine {
  id: string;
  /** How many there are; also the number of the last one. */
  events: number;
  /** Kind of the last event; empty when there is none. */
  last_kind: string;
  updated: string;
}

export interface Audit {
  entries: EntryAnswer[];
  /** What `before` takes for the next page; null at the end. */
  next: string | null;
}

export interface Author {
  /** The number of the event that the message is. */
  seq: number;
  /** A user, or `@CONNECTION/LOGIN` for somebody at a forge. */
  name: string;
}

export interface Authors {
  authors: Author[];
}

export interface BaseAnswer {
  commit: string;
  ref: string;
  /** The branch that the pull request goes to; empty when it started from none. */
  branch: string;
}

export interface BranchesAnswer {
  /** The default one first and those of Midwatch last; between them the newest first, or by name where an address does not tell their times. With `q`, those that begin with it go first. */
  branches: string[];
  /** What a task starts from where nothing is said; empty when that is no branch. */
  default: string;
  /** There are others that `limit` leaves out, or more than are read of one repository. */
  more: boolean;
}

export interface BudgetAnswer {
  /** `organisation`, `repository`, `task` or `user`. */
  kind: string;
  /** Of the user or organisation; the repository's address; the task's id. */
  name: string;
  /** `whole` or `day` (UTC). */
  period: string;
  /** The most, in millionths of a US dollar. */
  microusd: number | null;
  /** The most, in and out together. */
  tokens: number | null;
  spent_microusd: number;
  spent_tokens: number;
  /** By calls of models that are under way. */
  reserved_microusd: number;
  reserved_tokens: number;
}

export interface Budgets {
  budgets: BudgetAnswer[];
}

export interface BuildAsked {
  /** Branch, tag or commit; default: what is checked out. */
  base?: string | null | undefined;
  /** Delete what is kept and run the setup again; for maintainers. */
  fresh?: boolean | undefined;
  /** The repository's own recipe may name hosts and secrets; for maintainers. */
  trust_recipe?: boolean | undefined;
}

export interface Builds {
  builds: SittingAnswer[];
}

export interface CapAsked {
  kind: "organisation" | "repository" | "task" | "user";
  /** Of the user or organisation; the id or name of the repository; the task's id. */
  name: string;
  /** For ever, or on each day (UTC). */
  period?: "whole" | "day" | undefined;
  /** Millionths of a US dollar; nothing for as much as one likes. */
  microusd?: number | null | undefined;
  /** In and out together. */
  tokens?: number | null | undefined;
}

export interface CauseAnswer {
  cause: string;
  tasks: number;
  /** What was said of one of them. */
  example: string;
}

export interface Change {
  path: string;
  old_path: string;
  /** A added, M modified, D deleted, R renamed, T type changed. */
  status: string;
  /** Lines; null for a binary file. */
  added: number | null;
  removed: number | null;
}

export interface Check {
  number: number;
  command: string;
  passed: boolean;
  exit_code: number | null;
  ended: string;
  seconds: number;
  /** SHA-256 of the full output. */
  digest: string;
  bytes: number;
  lines: number;
}

export interface ChoiceAsked {
  attempt: number;
}

export interface Choices {
  models: string[];
  people: string[];
  labels: string[];
}

export interface ChoicesAnswer {
  /** Those that the settings name, the default first; others work where their provider has a key. */
  models: string[];
  /** The most tries of one task. */
  attempts: number;
  /** What the settings let one attempt spend at most; null for no cap. */
  turns: number | null;
  cost_microusd: number | null;
  seconds: number | null;
  /** null where its repository is not there or not yours to see. */
  example: ExampleAnswer | null;
}

export interface ContextAsked {
  /** Where it comes from, in a word or two. */
  source: string;
  text: string;
}

export interface DayAnswer {
  day: string;
  opened: number;
  merged: number;
  /** Without being merged. */
  closed: number;
}

export interface Deliveries {
  deliveries: DeliveryLine[];
  /** What `before` takes for the next page; null at the end. */
  next: string | null;
}

export interface DeliveryAnswer {
  id: string;
  /** `webhook`. */
  kind: string;
  /** Of a webhook the event. */
  name: string;
  task: string;
  /** `waiting`, `begun`, `done` or `failed`: not tried again by itself. */
  state: string;
  /** Why the last try came to nothing; empty when it did not. For maintainers. */
  error: string;
  mend: string;
  tries: number;
  /** SHA-256 of the request. */
  digest: string;
  /** When it is tried next; null when it is not. */
  due: string | null;
  created: string;
  changed: string;
  /** Of the other side: `status`, `seconds` and the beginning of its words in `answer`; null for none. */
  answer: Record<string, unknown> | null;
  /** The body, byte for byte as it is signed. */
  request: string;
}

export interface DeliveryLine {
  id: string;
  /** `webhook`. */
  kind: string;
  /** Of a webhook the event. */
  name: string;
  task: string;
  /** `waiting`, `begun`, `done` or `failed`: not tried again by itself. */
  state: string;
  /** Why the last try came to nothing; empty when it did not. For maintainers. */
  error: string;
  mend: string;
  tries: number;
  /** SHA-256 of the request. */
  digest: string;
  /** When it is tried next; null when it is not. */
  due: string | null;
  created: string;
  changed: string;
  /** Of the other side: `status`, `seconds` and the beginning of its words in `answer`; null for none. */
  answer: Record<string, unknown> | null;
}

export interface EditAsked {
  /** TOML, as `.midwatch/environment.toml` has it. */
  text: string;
  changes: RecipeChange[];
}

export interface EffectAnswer {
  id: string;
  /** `webhook`. */
  kind: string;
  /** Of a webhook the event. */
  name: string;
  task: string;
  /** `waiting`, `begun`, `done` or `failed`: not tried again by itself. */
  state: string;
  /** Why the last try came to nothing; empty when it did not. For maintainers. */
  error: string;
  mend: string;
  tries: number;
  /** SHA-256 of the request. */
  digest: string;
  /** When it is tried next; null when it is not. */
  due: string | null;
  created: string;
  changed: string;
}

export interface Effects {
  effects: EffectAnswer[];
}

export interface EntryAnswer {
  id: string;
  time: string;
  /** Id of whoever did it; empty for the server itself. */
  user: string;
  name: string;
  /** `session`, `token` and its id, `password`, `oidc` or `server`. */
  via: string;
  address: string;
  action: string;
  /** The id of what was changed. */
  object: string;
  /** The id of the repository or organisation that it belongs to; empty for none. */
  repository: string;
  was: Record<string, unknown>;
  became: Record<string, unknown>;
}

export interface EnvironmentAnswer {
  key: string;
  repository: string;
  location: string;
  commit: string;
  created: string;
  used: string;
  seconds: number;
  /** Bytes on disk. */
  size: number;
  files: number;
  commands: string[];
  failure: string;
}

export interface EnvironmentLine {
  repository: string;
  name: string;
  /** The version of the recipe that the server keeps for it; 0 for none. */
  recipe: number;
  /** How many layers are kept. */
  kept: number;
  size: number;
  used: string | null;
  /** The last one. */
  build: SittingAnswer | null;
}

export interface EnvironmentLines {
  environments: EnvironmentLine[];
}

export interface EnvironmentState {
  source: "server" | "repository" | "none";
  /** Of the recipe that the server keeps; 0 where none is kept. */
  version: number;
  commit: string;
  ref: string;
  sandbox: string;
  /** Of the layers that its setup leaves; empty without a setup. */
  key: string;
  /** The layers of that key; null where they are not there. */
  cached: EnvironmentAnswer | null;
  /** Why what was built last does not fit, a sentence each. */
  rebuild: string[];
  /** All layers of this repository, the last used first. */
  kept: EnvironmentAnswer[];
  wishes: string[];
  /** What needs trust has it, for all who may submit tasks. */
  trusted: boolean;
  /** Secrets of the recipe that have no value on the server. */
  missing: string[];
  /** Yours that are open; for administrators all of them. */
  terminals: SittingAnswer[];
}

export interface Environments {
  environments: EnvironmentAnswer[];
}

export interface EventAnswer {
  type: string;
  attempt: string;
  task: string;
  seq: number;
  time: string;
  kind: string;
  version: number;
  /** Of whoever wrote it: one that has taken the attempt over has a higher one. */
  epoch: number;
  /** Over all of it, its epoch and the hash of the event before; `docs/events.md` says how. */
  hash: string;
  body: Record<string, unknown>;
}

export interface Events {
  events: EventAnswer[];
  /** What `after` takes for the next page. */
  next: number;
  more: boolean;
}

export interface EvidenceAnswer {
  attempt: string;
  /** `passed`, `failed`, or `none` when there was nothing to run or it has not been. */
  verdict: string;
  tree: string;
  commit: string;
  checks: Check[];
  changes: Change[];
}

export interface ExampleAnswer {
  repository: string;
  prompt: string;
  model: string;
}

export interface Failing {
  /** The list of commands. */
  what: "setup" | "maintenance";
  number: number;
  /** Of the recipe that was built; 0 where it is not known. */
  line: number;
  ended: string;
  /** The number of the first line in `around`. */
  first: number;
  /** The lines there, with those before and after it. */
  around: string[];
}

export interface Fault {
  /** Where: `body.limits.turns`, `query.limit`, `header.last-event-id`. */
  place: string;
  /** What is wrong there. */
  text: string;
}

export interface FaultAnswer {
  /** Counted from 1; 0 where it is of no line in particular. */
  line: number;
  text: string;
  mend: string;
}

export interface ForgeAnswer {
  id: string;
  name: string;
  kind: "github" | "gitlab" | "forgejo";
  web: string;
  api: string;
  auth: "token" | "app";
  app_id: string;
  /** Whom the forge takes us for; empty when it was not asked yet. */
  login: string;
  /** Whether there is a secret for its webhooks, so that they are taken. */
  webhooks: boolean;
  /** Where the forge's webhooks go, below the server's address. */
  hook_path: string;
  /** Whether it comes from the settings file, and cannot be changed here. */
  settings: boolean;
  created: string;
}

export interface ForgeAsked {
  /** Of a user of the forge. Never answered. */
  token?: string | null | undefined;
  /** Of a GitHub App: its id or client id. */
  app_id?: string | null | undefined;
  /** Of that App, as PEM. Never answered. */
  private_key?: string | null | undefined;
  /** What the forge signs its webhooks with, at least 16 characters; empty for none. Never answered. */
  webhook_secret?: string | null | undefined;
  /** Whether an address given here may begin with http:// on another machine: the credential then crosses the network in the clear. */
  insecure?: boolean | undefined;
  /** What it is called here: letters, digits and . _ - */
  name: string;
  /** `github` is Enterprise too, `forgejo` is Gitea too. */
  kind: "github" | "gitlab" | "forgejo";
  /** The address its repositories are below; empty for github.com and gitlab.com. */
  web?: string | undefined;
  /** Where its API begins; empty for where it usually does. */
  api?: string | undefined;
}

export interface ForgeChange {
  /** Of a user of the forge. Never answered. */
  token?: string | null | undefined;
  /** Of a GitHub App: its id or client id. */
  app_id?: string | null | undefined;
  /** Of that App, as PEM. Never answered. */
  private_key?: string | null | undefined;
  /** What the forge signs its webhooks with, at least 16 characters; empty for none. Never answered. */
  webhook_secret?: string | null | undefined;
  /** Whether an address given here may begin with http:// on another machine: the credential then crosses the network in the clear. */
  insecure?: boolean | undefined;
  name?: string | null | undefined;
  /** A new one needs the credential anew. */
  web?: string | null | undefined;
  /** A new one needs the credential anew. */
  api?: string | null | undefined;
}

export interface Forges {
  forges: ForgeAnswer[];
}

export interface ForkAsked {
  /** `start`, `cmd:7` (command 7 has ended) or an event's number; empty for where it is now. */
  step?: string | undefined;
  message?: string | undefined;
  /** Which one; 0 for the one that is offered. */
  attempt?: number | undefined;
}

export interface GroupAnswer {
  /** Of what they have in common; empty for those that have nothing of the kind. */
  name: string;
  /** Of a registered repository; empty for all else. */
  id: string;
  tasks: number;
  /** Pull requests of theirs. */
  opened: number;
  merged: number;
  closed: number;
  /** merged / opened; null where none was opened. */
  merge_rate: number | null;
  /** Of all these tasks, as far as it is known. */
  cost_microusd: number;
  /** Tasks whose cost is not known. */
  unpriced: number;
  /** cost_microusd / merged; null where none was merged, or the cost of a task is not known. */
  cost_per_merged_microusd: number | null;
}

export interface Head {
  attempt: string;
  events: number;
  /** Of the last event; it stands for the whole log. */
  hash: string;
}

export interface ImageAsked {
  /** A PNG, JPEG, GIF or WebP in base64; it is told by its content. */
  data: string;
}

export interface Import {
  tasks: Imported[];
  made: number;
  refused: number;
}

export interface Imported {
  line: number;
  /** Of the task; empty when it was refused. */
  id?: string | undefined;
  /** Why it was refused. */
  detail?: string | undefined;
  mend?: string | undefined;
}

export interface Insight {
  /** The first day of the span. */
  first: string;
  last: string;
  zone: string;
  by: string;
  days: DayAnswer[];
  total: GroupAnswer;
  /** Those with the most tasks first. */
  groups: GroupAnswer[];
  /** Groups that are left out. */
  more: number;
  /** From when the work could begin until it did. */
  queue: LapseAnswer;
  /** From the submission. */
  to_pull_request: LapseAnswer;
  /** From the pull request. */
  to_merge: LapseAnswer;
  causes: CauseAnswer[];
  now: NowAnswer;
}

export interface LapseAnswer {
  /** Tasks that it is known of. */
  count: number;
  /** null where count is 0. */
  median: number | null;
  p90: number | null;
}

export interface LimitAnswer {
  /** `all`, `repository` or `user`. */
  scope: string;
  /** Of the user, the id of the repository; empty for each that has none of its own. */
  name: string;
  /** Turns at a time; null for as many as there is room for. */
  at_once: number | null;
  /** Turns that may begin in a time, as `30/1h`; null for any number. */
  starts: string | null;
}

export interface LimitAsked {
  scope: "all" | "repository" | "user";
  /** Of the user, the id or name of the repository; empty for each without its own. */
  name?: string | undefined;
  /** Turns at a time; 0 lets none begin. */
  at_once?: number | null | undefined;
  /** Turns that may begin in a time: `30/1h`, `500/1d`. */
  starts?: string | null | undefined;
}

export interface Limits {
  limits: LimitAnswer[];
}

export interface LimitsAsked {
  /** Model calls. */
  turns?: number | null | undefined;
  /** In and out, over all turns. */
  tokens?: number | null | undefined;
  /** Millionths of a US dollar. */
  cost_microusd?: number | null | undefined;
  /** Of work. */
  seconds?: number | null | undefined;
}

export interface Login {
  /** The connection's id or name; answered with its id. */
  forge: string;
  /** What they are called there, in whatever case. */
  login: string;
}

export interface LoginsAnswer {
  logins: Login[];
}

export interface LoginsAsked {
  logins: Login[];
}

export interface Me {
  id: string;
  name: string;
  /** Whether they administer the server; the scopes may allow less. */
  admin: boolean;
  scopes: ("read" | "write" | "admin")[];
  /** `session`, or `token` and its id. */
  by: string;
  /** By the repository's id: the highest of all that were given. */
  roles: Record<string, "viewer" | "member" | "maintainer" | "admin">;
  /** By the organisation's id. */
  organisations: Record<string, "viewer" | "member" | "maintainer" | "admin">;
}

export interface MemberAnswer {
  user: string;
  /** The user's name. */
  name: string;
  /** Its id. */
  organisation: string;
  role: "viewer" | "member" | "maintainer" | "admin";
}

export interface Members {
  roles: MemberAnswer[];
}

export interface MessageAsked {
  text: string;
  /** Shown to the model with the words, where it takes pictures. */
  images?: ImageAsked[] | undefined;
}

export interface NewPassword {
  current: string;
  new: string;
}

export interface NewRepository {
  /** Such as `team/service`. */
  name: string;
  /** An absolute path on the server's machine, or a URL that git can fetch from. */
  location: string;
  /** The id or name of the one that it belongs to; null for none. */
  organisation?: string | null | undefined;
}

export interface NewToken {
  /** What it is for. */
  name: string;
  /** `read` looks, `write` does what a maintainer may, `admin` the rest. */
  scope?: "read" | "write" | "admin" | undefined;
  /** Until it ends; null for never. */
  days?: number | null | undefined;
  /** The id of whose it is, when an administrator makes it for another user. */
  user?: string | null | undefined;
}

export interface NewUser {
  name: string;
  /** At least 12 characters; null for one who uses tokens only. */
  password?: string | null | undefined;
  admin?: boolean | undefined;
}

export interface NowAnswer {
  queued: number;
  running: number;
  /** That the longest of the queued ones waits; null for none. */
  longest_seconds: number | null;
}

export interface OrganisationAnswer {
  id: string;
  name: string;
  created: string;
  /** What the caller may in it; null for administrators without a role of their own. */
  role: "viewer" | "member" | "maintainer" | "admin" | null;
}

export interface OrganisationNamed {
  /** Letters, digits and . _ -, such as `works`. */
  name: string;
}

export interface OrganisationsAnswer {
  organisations: OrganisationAnswer[];
  /** What `after` takes for the next page; null at the end. */
  next: string | null;
}

export interface Output {
  name: string;
  command: string;
  ended: string;
  digest: string;
  total_lines: number;
  first_line: number;
  lines: string[];
  more: boolean;
}

export interface OutputAnswer {
  pieces: Piece[];
  /** The number of the last one. */
  next: number;
  state: SittingAnswer;
}

export interface Piece {
  number: number;
  /** Bytes as base64. */
  data: string;
}

export interface PresetAnswer {
  name: string;
  hosts: string[];
}

export interface Presets {
  presets: PresetAnswer[];
}

export interface ProblemDetails {
  /** Always `about:blank`: the status says it all. */
  type?: string | undefined;
  /** The status in words. */
  title: string;
  status: number;
  /** What is wrong, in a sentence. */
  detail?: string | undefined;
  /** How to mend it, where there is a way. */
  mend?: string | undefined;
  /** What a person needs beside the sentence, such as the end of an output. */
  lines?: string | undefined;
  /** Of a request that is not as this document says: each place. */
  faults?: Fault[] | undefined;
}

export interface PullRequestAnswer {
  number: number;
  task: string;
  repository: string;
  location: string;
  /** `open`, `merged` or `closed`. */
  state: string;
  draft: boolean;
  verdict: string;
  title: string;
  body: string;
  branch: string;
  base: string;
  commit: string;
  url: string;
  created: string;
  updated: string;
  merge_commit: string;
}

export interface PullRequests {
  pull_requests: PullRequestAnswer[];
}

export interface Received {
  /** How many things were new that are of use here. They are acted on later. */
  kept: number;
}

export interface RecipeAnswer {
  faults: FaultAnswer[];
  /** Null where there are faults. */
  form: RecipeForm | null;
  /** What in it needs trust: hosts, secrets, submodules. */
  wishes: string[];
  /** Where it is kept. */
  source: "server" | "repository" | "none";
  text: string;
  /** Of the last one that the server was given; 0 for none. */
  version: number;
  /** The text in the repository; null where it has none. */
  own: string | null;
  /** Where that was looked for. */
  commit: string;
  /** What was kept here, the newest first. */
  versions: RecipeVersion[];
}

export interface RecipeAsked {
  /** TOML, as `.midwatch/environment.toml` has it. */
  text: string;
  /** The version that is to be replaced, 0 for none: 409 when there is another by now. */
  version?: number | null | undefined;
}

export interface RecipeChange {
  /** `["setup"]`, `["network", "agent"]`, `["variables", "NAME"]`. */
  place: string[];
  /** Null takes it away. */
  value: string | boolean | number | string[] | null;
}

export interface RecipeChecked {
  faults: FaultAnswer[];
  /** Null where there are faults. */
  form: RecipeForm | null;
  /** What in it needs trust: hosts, secrets, submodules. */
  wishes: string[];
}

export interface RecipeEdited {
  faults: FaultAnswer[];
  /** Null where there are faults. */
  form: RecipeForm | null;
  /** What in it needs trust: hosts, secrets, submodules. */
  wishes: string[];
  text: string;
}

export interface RecipeForm {
  base: string;
  setup: string[];
  maintenance: string[];
  checks: string[];
  variables: Record<string, string>;
  setup_hosts: string[];
  agent_hosts: string[];
  secrets: SecretOf[];
  limits: Record<string, number | null>;
  submodules: boolean;
  private_submodules: string[];
  lfs: boolean;
  lock_files: string[];
  cache_by_commit: boolean;
  labels: string[];
}

export interface RecipeVersion {
  version: number;
  by: string;
  created: string;
  /** With it the recipe was taken away. */
  removed: boolean;
}

export interface Repositories {
  repositories: RepositoryAnswer[];
  /** What `after` takes for the next page; null at the end. */
  next: string | null;
}

export interface RepositoryAnswer {
  id: string;
  name: string;
  location: string;
  created: string;
  /** What the caller may on it; null for administrators without a role of their own. */
  role: "viewer" | "member" | "maintainer" | "admin" | null;
  /** The id of the one that it belongs to; empty for none. */
  organisation: string;
  /** Its name. */
  organisation_name: string;
}

export interface RepositoryChange {
  name?: string | null | undefined;
  /** The id or name of the one that it is to belong to; empty for none. */
  organisation?: string | null | undefined;
}

export interface RepositoryForgeAnswer {
  /** Put on every pull request of ours. */
  labels?: string[] | undefined;
  /** Asked for on every one: logins, `team:NAME`. */
  reviewers?: string[] | undefined;
  /** Whether anybody to whom the forge grants `write` may start work, without being a user here. */
  write_may_start?: boolean | undefined;
  /** An issue that gets this label becomes a task; empty for none. */
  trigger_label?: string | undefined;
  /** The name by which it is called, without the `@`. */
  mention?: string | undefined;
  /** Whether every pull request is reviewed when it is opened. */
  auto_review?: boolean | undefined;
  /** Whether such a review tells of everything, not only P0 and P1. */
  review_all?: boolean | undefined;
  /** How many failed CI runs on one pull request of ours are taken up. */
  fix_runs?: number | undefined;
  /** The name of the connection that its location belongs to; empty for none. */
  connection: string;
  /** What it is called there. */
  slug: string;
}

export interface RepositoryForgeAsked {
  /** Put on every pull request of ours. */
  labels?: string[] | undefined;
  /** Asked for on every one: logins, `team:NAME`. */
  reviewers?: string[] | undefined;
  /** Whether anybody to whom the forge grants `write` may start work, without being a user here. */
  write_may_start?: boolean | undefined;
  /** An issue that gets this label becomes a task; empty for none. */
  trigger_label?: string | undefined;
  /** The name by which it is called, without the `@`. */
  mention?: string | undefined;
  /** Whether every pull request is reviewed when it is opened. */
  auto_review?: boolean | undefined;
  /** Whether such a review tells of everything, not only P0 and P1. */
  review_all?: boolean | undefined;
  /** How many failed CI runs on one pull request of ours are taken up. */
  fix_runs?: number | undefined;
}

export interface RoleAnswer {
  user: string;
  /** The user's name. */
  name: string;
  /** Its id; `*` for every registered repository. */
  repository: string;
  role: "viewer" | "member" | "maintainer" | "admin";
}

export interface RoleGiven {
  role: "viewer" | "member" | "maintainer" | "admin";
}

export interface Roles {
  roles: RoleAnswer[];
}

export interface Running {
  version: string;
  python: string;
  system: string;
  /** `SQLite` or `PostgreSQL`. */
  database: string;
  /** Of the database, without a password. */
  place: string;
  /** The state folder. */
  state: string;
  /** Where the settings are read from, when the server starts. */
  settings_file: string;
  /** Whether there is such a file. */
  there: boolean;
  settings: SettingAnswer[];
}

export interface SecretAnswer {
  name: string;
  changed: string;
  changed_by: string;
}

export interface SecretAsked {
  /** Never answered. */
  value: string;
}

export interface SecretOf {
  name: string;
  host: string;
  header: string;
  format: string;
}

export interface Secrets {
  secrets: SecretAnswer[];
}

export interface SessionAnswer {
  id: string;
  created: string;
  expires: string;
  /** Whether the request came with it. */
  current: boolean;
}

export interface Sessions {
  sessions: SessionAnswer[];
}

export interface SettingAnswer {
  /** As in the settings file: `server.session_hours`. */
  key: string;
  /** As JSON; of what may hold a secret whether it is set. */
  value: string;
  /** It differs from the default. */
  own: boolean;
}

export interface SignIn {
  name: string;
  password: string;
}

export interface SignInCode {
  code: string;
}

export interface SittingAnswer {
  id: string;
  kind: "build" | "terminal";
  /** `waiting`, `running`, `cancelled`, `failed`; of a build also `built`, `kept` (it was there already) and `empty` (there is no setup); of a terminal `closed`. */
  state: string;
  over: boolean;
  by: string;
  created: string;
  begun: string | null;
  ended: string | null;
  /** Why it failed or was closed; empty otherwise. */
  text: string;
  mend: string;
  /** The end of the output of what failed. */
  tail: string;
  failing: Failing | null;
  /** Of the layers that a build has left. */
  key: string;
  seconds: number;
  size: number;
  files: number;
  notes: string[];
}

export interface Standing {
  status: string;
  version: string;
}

export interface StandingAnswer {
  login: string;
  /** What it may, as the forge calls it; empty where the forge does not say. */
  scopes: string[];
  /** What it must be given besides. */
  missing: string[];
  /** What could not be found out. */
  note: string;
}

export interface SuggestionAnswer {
  text: string;
  found: string[];
  checks_from: string;
}

export interface SumAnswer {
  /** Lines; null while nothing was changed, or it has not been counted yet. */
  added: number | null;
  removed: number | null;
  files: number;
  /** Of all attempts; null when the price of a call is not known. */
  cost_microusd: number | null;
  /** In and out together. */
  tokens: number;
  /** `passed`, `failed` or `none`. */
  verdict: string;
  pull_request: number | null;
  /** `draft`, `open`, `merged` or `closed`; empty for none. */
  pull_request_state: string;
  pull_request_url: string;
}

export interface TaskAnswer {
  id: string;
  /** `waiting`, `running`, `paused`, `cancelled`, `failed`, `interrupted`, `done`, `answered` or `no change`. */
  status: string;
  /** Its id; empty for one that is not registered. */
  repository: string;
  location: string;
  /** In lists its first 1,000 characters. */
  prompt: string;
  model: string;
  branch: string;
  kind: string;
  mode: string;
  /** Who asked for it last; empty for what was not submitted to a server. */
  by: string;
  /** While it waits: as `waits_for` of its newest turn says it. */
  waits_for: string;
  waits_until: string | null;
  created: string;
  updated: string;
  /** Attempts. */
  tries: number;
  /** In lists and in the stream; null while nothing is known of it. */
  sum?: SumAnswer | null | undefined;
  base: BaseAnswer;
  checks: string[];
  checks_from: string;
  limits: Record<string, number | null>;
  sandbox: string;
  /** What a person should know about how it was set up. */
  notes: string[];
  attempts: AttemptLine[];
  /** The newest; null for what no server has queued. */
  turn: TurnAnswer | null;
  pull_request: number | null;
  /** That its next call counts for, as far as you may see them; empty in the answers to POST. */
  budgets?: BudgetAnswer[] | undefined;
  /** It is not listed, until somebody works on it again. */
  archived?: boolean | undefined;
  /** Who gave it at first; empty in the answers to POST. */
  submitted_by?: string | undefined;
}

export interface TaskAsked {
  /** What is to be done, with all that one must know. */
  prompt: string;
  /** The id or the name of a registered repository. */
  repository: string;
  /** Branch, tag or commit to start from; default: what is checked out. */
  base?: string | null | undefined;
  /** `repair`, `PROVIDER/NAME`, or one of the server's settings. */
  model?: string | null | undefined;
  /** Commands that must exit with 0; default: the repository's. */
  checks?: string[] | undefined;
  /** Tries; the best is offered. */
  attempts?: number | undefined;
  /** Among attempts that pass: the smallest change, or the one that reviews best. */
  select?: "" | "diff" | "review" | undefined;
  /** What the agent may do; `full` is without a sandbox, for administrators. */
  mode?: "" | "read-only" | "workspace" | "full" | undefined;
  /** How commands are isolated; `process` isolates nothing, for administrators. */
  sandbox?: "bubblewrap" | "container" | "gvisor" | "landlock" | "process" | null | undefined;
  limits?: LimitsAsked | undefined;
  context?: ContextAsked[] | undefined;
  /** Shown to the model with the words, where it takes pictures. */
  images?: ImageAsked[] | undefined;
  /** `NAME` or `NAME:TOOL,TOOL`, of the settings. */
  mcp?: string[] | undefined;
  /** The prompt may call a custom prompt by its name. */
  commands?: boolean | undefined;
  /** Start from its files as they are; for maintainers. */
  include_uncommitted?: boolean | undefined;
  /** Its .midwatch sets rules and hooks; for maintainers. */
  trust_project?: boolean | undefined;
  /** The recipe may name hosts and secrets; for maintainers. */
  trust_recipe?: boolean | undefined;
  /** Whether somebody waits for it. */
  priority?: "interactive" | "batch" | undefined;
  /** When it may begin, from now. */
  delay_seconds?: number | undefined;
  /** When it may begin, at most a year from now; one that has passed is now. */
  begin_at?: string | null | undefined;
  /** Only a worker that has all of them takes it: `gpu`, `arch=arm64`. */
  labels?: string[] | undefined;
}

export interface TaskLine {
  id: string;
  /** `waiting`, `running`, `paused`, `cancelled`, `failed`, `interrupted`, `done`, `answered` or `no change`. */
  status: string;
  /** Its id; empty for one that is not registered. */
  repository: string;
  location: string;
  /** In lists its first 1,000 characters. */
  prompt: string;
  model: string;
  branch: string;
  kind: string;
  mode: string;
  /** Who asked for it last; empty for what was not submitted to a server. */
  by: string;
  /** While it waits: as `waits_for` of its newest turn says it. */
  waits_for: string;
  waits_until: string | null;
  created: string;
  updated: string;
  /** Attempts. */
  tries: number;
  /** In lists and in the stream; null while nothing is known of it. */
  sum?: SumAnswer | null | undefined;
}

export interface Tasks {
  tasks: TaskLine[];
  /** What `before` takes for the next page; null at the end. */
  next: string | null;
}

export interface TerminalAsked {
  /** Branch, tag or commit; default: what is checked out. */
  base?: string | null | undefined;
  rows?: number | undefined;
  columns?: number | undefined;
  /** The repository's own recipe may name hosts and secrets; for maintainers. */
  trust_recipe?: boolean | undefined;
}

export interface TokenAnswer {
  id: string;
  name: string;
  user: string;
  scope: "read" | "write" | "admin";
  created: string;
  expires: string | null;
  /** When it was last used, to a minute. */
  used: string | null;
}

export interface TokenMade {
  id: string;
  name: string;
  user: string;
  scope: "read" | "write" | "admin";
  created: string;
  expires: string | null;
  /** When it was last used, to a minute. */
  used: string | null;
  secret: string;
}

export interface Tokens {
  tokens: TokenAnswer[];
  /** What `after` takes for the next page; null at the end. */
  next: string | null;
}

export interface Told {
  task: string;
  turn: TurnAnswer | null;
}

export interface TurnAnswer {
  id: string;
  /** `queued`, `running`, `done`, `failed`, `cancelled` or `paused`. */
  state: string;
  /** Why it failed; empty otherwise. */
  detail: string;
  mend: string;
  /** What it was told and has not done yet: `cancel`, `pause`; empty for nothing. */
  wish: string;
  /** Who wanted it. */
  by: string;
  /** `interactive` or `batch`. */
  priority: string;
  /** What it demands of a worker. */
  labels: string[];
  /** It does not begin before; null for at once. */
  begin_at: string | null;
  /** While it is queued: its time, a limit, a worker with a label, …; empty when a worker takes it as soon as one has room. */
  waits_for: string;
  /** Not before then; null for what is not known. */
  waits_until: string | null;
}

export interface Typed {
  /** As they were typed. */
  data?: string | undefined;
  rows?: number | null | undefined;
  columns?: number | null | undefined;
}

export interface UndoAsked {
  /** `start`, `cmd:7` (command 7 has ended) or an event's number: what came after it does not count. */
  step: string;
  /** Which one; 0 for the one that is offered. */
  attempt?: number | undefined;
}

export interface UndoneAnswer {
  task: string;
  attempt: string;
  /** The event after which it is now. */
  to: number;
  tree: string;
  /** The checkpoint of its files. */
  commit: string;
  /** How they changed by it. */
  files: Change[];
  /** That no longer count. */
  commands: number;
}

export interface UserAnswer {
  id: string;
  name: string;
  admin: boolean;
  disabled: boolean;
  /** Whether they can sign in with one. */
  password: boolean;
  /** Whether they sign in with the OpenID Connect provider. */
  oidc: boolean;
  created: string;
}

export interface UserChange {
  admin?: boolean | null | undefined;
  /** Ends their sessions, and their tokens open nothing any more. */
  disabled?: boolean | null | undefined;
  /** A new one; ends their sessions. */
  password?: string | null | undefined;
}

export interface Users {
  users: UserAnswer[];
  /** What `after` takes for the next page; null at the end. */
  next: string | null;
}

export interface VariableAnswer {
  name: string;
  changed: string;
  changed_by: string;
  value: string;
}

export interface VariableAsked {
  value: string;
}

export interface Variables {
  variables: VariableAnswer[];
}

export interface VerificationAnswer {
  task: string;
  ok: boolean;
  /** Chained and as they were written. */
  events: number;
  /** That match their SHA-256. */
  outputs: number;
  /** That hold exactly the tree that was checked. */
  commits: number;
  heads: Head[];
  /** A sentence each; empty when all is as it was written. */
  faults: string[];
}

export interface WaitAnswer {
  /** As `waits_for` of a turn; empty: for a worker to have room. */
  why: string;
  turns: number;
  /** Not before then for the first of them; null for what is not known. */
  until: string | null;
  /** When the one that waits longest was queued. */
  since: string;
}

export interface Ways {
  password: boolean;
  /** With the OpenID Connect provider: `GET session/oidc`. */
  provider: boolean;
}

export interface WebhookAnswer {
  id: string;
  /** The id of the one whose tasks it is told of; empty for all. */
  repository: string;
  url: string;
  events: string[];
  active: boolean;
  /** Why it was switched off by itself; empty otherwise. */
  why: string;
  /** Since when no delivery has come through; null when the last one has. */
  failing: string | null;
  created: string;
}

export interface WebhookAsked {
  /** https://HOST/PATH, where a POST is sent to. */
  url: string;
  /** Its id or its name, for its maintainers; null: all, for administrators. */
  repository?: string | null | undefined;
  /** What it is told of. */
  events?: ("task.finished" | "task.needs_attention" | "task.failed" | "task.cancelled" | "pull_request.opened" | "pull_request.updated" | "pull_request.merged" | "pull_request.closed" | "pull_request.reopened")[] | undefined;
}

export interface WebhookChange {
  url?: string | null | undefined;
  events?: ("task.finished" | "task.needs_attention" | "task.failed" | "task.cancelled" | "pull_request.opened" | "pull_request.updated" | "pull_request.merged" | "pull_request.closed" | "pull_request.reopened")[] | null | undefined;
  /** Whether anything is sent to it. */
  active?: boolean | null | undefined;
}

export interface WebhookMade {
  id: string;
  /** The id of the one whose tasks it is told of; empty for all. */
  repository: string;
  url: string;
  events: string[];
  active: boolean;
  /** Why it was switched off by itself; empty otherwise. */
  why: string;
  /** Since when no delivery has come through; null when the last one has. */
  failing: string | null;
  created: string;
  /** Signs what is sent. Shown now, and never again. */
  secret: string;
}

export interface Webhooks {
  webhooks: WebhookAnswer[];
}

export interface WorkerAnswer {
  id: string;
  host: string;
  /** Turns at the same time. */
  capacity: number;
  /** What it has: it takes turns that demand these, or none. */
  labels: string[];
  version: string;
  started: string;
  /** When it last said that it lives. */
  beat: string;
  /** It has said so within its lease. */
  fresh: boolean;
  /** That it works on now. */
  turns: number;
}

export interface Workers {
  workers: WorkerAnswer[];
  /** How many there are, by their state. */
  turns: Record<string, number>;
  /** What the next 1,000 of the queued ones wait for, most of them first. */
  waiting: WaitAnswer[];
}

export interface Paths {
  "/attempts/{attempt}": {
    GET: { path: { "attempt": string }; query: Nothing; body: undefined; answer: AttemptAnswer };
  };
  "/attempts/{attempt}/authors": {
    GET: { path: { "attempt": string }; query: Nothing; body: undefined; answer: Authors };
  };
  "/attempts/{attempt}/diff": {
    GET: { path: { "attempt": string }; query: { "from"?: number | undefined; "to"?: number | undefined }; body: undefined; answer: string };
  };
  "/attempts/{attempt}/events": {
    GET: { path: { "attempt": string }; query: { "after"?: number | undefined; "limit"?: number | undefined }; body: undefined; answer: Events };
  };
  "/attempts/{attempt}/evidence": {
    GET: { path: { "attempt": string }; query: Nothing; body: undefined; answer: EvidenceAnswer };
  };
  "/attempts/{attempt}/logs/{number}": {
    GET: { path: { "attempt": string; "number": number }; query: { "of"?: "command" | "check" | "hook" | undefined; "from"?: number | undefined; "to"?: number | null | undefined }; body: undefined; answer: Output };
  };
  "/attempts/{attempt}/outputs/{digest}": {
    GET: { path: { "attempt": string; "digest": string }; query: Nothing; body: undefined; answer: string };
  };
  "/audit": {
    GET: { path: Nothing; query: { "about"?: string | undefined; "user"?: string | undefined; "action"?: string | undefined; "repository"?: string | undefined; "since"?: string | null | undefined; "until"?: string | null | undefined; "before"?: string | undefined; "limit"?: number | undefined }; body: undefined; answer: Audit };
  };
  "/audit.csv": {
    GET: { path: Nothing; query: { "about"?: string | undefined; "user"?: string | undefined; "action"?: string | undefined; "repository"?: string | undefined; "since"?: string | null | undefined; "until"?: string | null | undefined; "before"?: string | undefined }; body: undefined; answer: string };
  };
  "/budgets": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Budgets };
    PUT: { path: Nothing; query: Nothing; body: CapAsked; answer: BudgetAnswer };
    DELETE: { path: Nothing; query: { "kind": "organisation" | "repository" | "task" | "user"; "name": string; "period"?: "whole" | "day" | undefined }; body: undefined; answer: undefined };
  };
  "/choices": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: ChoicesAnswer };
  };
  "/environments": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Environments };
  };
  "/environments/presets": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Presets };
  };
  "/environments/repositories": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: EnvironmentLines };
  };
  "/forges": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Forges };
    POST: { path: Nothing; query: Nothing; body: ForgeAsked; answer: ForgeAnswer };
  };
  "/forges/{forge_id}": {
    GET: { path: { "forge_id": string }; query: Nothing; body: undefined; answer: ForgeAnswer };
    PATCH: { path: { "forge_id": string }; query: Nothing; body: ForgeChange; answer: ForgeAnswer };
    DELETE: { path: { "forge_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/forges/{forge_id}/arrivals": {
    GET: { path: { "forge_id": string }; query: { "before"?: string | undefined; "limit"?: number | undefined }; body: undefined; answer: ArrivalPage };
  };
  "/forges/{forge_id}/check": {
    POST: { path: { "forge_id": string }; query: Nothing; body: undefined; answer: StandingAnswer };
  };
  "/insight": {
    GET: { path: Nothing; query: { "from"?: string | null | undefined; "to"?: string | null | undefined; "zone"?: string | undefined; "by"?: "repository" | "model" | "label" | "person" | undefined; "repository"?: string | undefined; "model"?: string | undefined; "person"?: string | undefined; "label"?: string | undefined }; body: undefined; answer: Insight };
  };
  "/insight.csv": {
    GET: { path: Nothing; query: { "from"?: string | null | undefined; "to"?: string | null | undefined; "zone"?: string | undefined; "by"?: "repository" | "model" | "label" | "person" | undefined; "repository"?: string | undefined; "model"?: string | undefined; "person"?: string | undefined; "label"?: string | undefined; "table"?: "days" | "groups" | "causes" | "times" | undefined }; body: undefined; answer: string };
  };
  "/insight/choices": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Choices };
  };
  "/limits": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Limits };
    PUT: { path: Nothing; query: Nothing; body: LimitAsked; answer: LimitAnswer };
    DELETE: { path: Nothing; query: { "scope": "all" | "repository" | "user"; "name"?: string | undefined }; body: undefined; answer: undefined };
  };
  "/me": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Me };
  };
  "/me/password": {
    PUT: { path: Nothing; query: Nothing; body: NewPassword; answer: undefined };
  };
  "/me/sessions": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Sessions };
  };
  "/me/sessions/{session_id}": {
    DELETE: { path: { "session_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/organisations": {
    GET: { path: Nothing; query: { "after"?: string | undefined; "limit"?: number | undefined }; body: undefined; answer: OrganisationsAnswer };
    POST: { path: Nothing; query: Nothing; body: OrganisationNamed; answer: OrganisationAnswer };
  };
  "/organisations/{organisation_id}": {
    GET: { path: { "organisation_id": string }; query: Nothing; body: undefined; answer: OrganisationAnswer };
    PATCH: { path: { "organisation_id": string }; query: Nothing; body: OrganisationNamed; answer: OrganisationAnswer };
    DELETE: { path: { "organisation_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/organisations/{organisation_id}/roles": {
    GET: { path: { "organisation_id": string }; query: Nothing; body: undefined; answer: Members };
  };
  "/organisations/{organisation_id}/roles/{user_id}": {
    PUT: { path: { "organisation_id": string; "user_id": string }; query: Nothing; body: RoleGiven; answer: MemberAnswer };
    DELETE: { path: { "organisation_id": string; "user_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/pull-requests": {
    GET: { path: Nothing; query: { "repository"?: string | undefined; "state"?: "open" | "merged" | "closed" | null | undefined; "limit"?: number | undefined }; body: undefined; answer: PullRequests };
  };
  "/repositories": {
    GET: { path: Nothing; query: { "after"?: string | undefined; "limit"?: number | undefined }; body: undefined; answer: Repositories };
    POST: { path: Nothing; query: Nothing; body: NewRepository; answer: RepositoryAnswer };
  };
  "/repositories/{repository_id}": {
    GET: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: RepositoryAnswer };
    PATCH: { path: { "repository_id": string }; query: Nothing; body: RepositoryChange; answer: RepositoryAnswer };
    DELETE: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/repositories/{repository_id}/branches": {
    GET: { path: { "repository_id": string }; query: { "q"?: string | undefined; "limit"?: number | undefined }; body: undefined; answer: BranchesAnswer };
  };
  "/repositories/{repository_id}/environment": {
    GET: { path: { "repository_id": string }; query: { "base"?: string | undefined }; body: undefined; answer: EnvironmentState };
  };
  "/repositories/{repository_id}/environment/builds": {
    GET: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: Builds };
    POST: { path: { "repository_id": string }; query: Nothing; body: BuildAsked; answer: SittingAnswer };
  };
  "/repositories/{repository_id}/environment/builds/{build}": {
    GET: { path: { "repository_id": string; "build": string }; query: Nothing; body: undefined; answer: SittingAnswer };
    DELETE: { path: { "repository_id": string; "build": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/repositories/{repository_id}/environment/builds/{build}/output": {
    GET: { path: { "repository_id": string; "build": string }; query: { "after"?: number | undefined }; body: undefined; answer: OutputAnswer };
  };
  "/repositories/{repository_id}/environment/cache": {
    DELETE: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/repositories/{repository_id}/environment/terminals": {
    POST: { path: { "repository_id": string }; query: Nothing; body: TerminalAsked; answer: SittingAnswer };
  };
  "/repositories/{repository_id}/environment/terminals/{terminal}": {
    GET: { path: { "repository_id": string; "terminal": string }; query: Nothing; body: undefined; answer: SittingAnswer };
    DELETE: { path: { "repository_id": string; "terminal": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/repositories/{repository_id}/environment/terminals/{terminal}/input": {
    POST: { path: { "repository_id": string; "terminal": string }; query: Nothing; body: Typed; answer: SittingAnswer };
  };
  "/repositories/{repository_id}/environment/terminals/{terminal}/output": {
    GET: { path: { "repository_id": string; "terminal": string }; query: { "after"?: number | undefined }; body: undefined; answer: OutputAnswer };
  };
  "/repositories/{repository_id}/forge": {
    GET: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: RepositoryForgeAnswer };
    PUT: { path: { "repository_id": string }; query: Nothing; body: RepositoryForgeAsked; answer: RepositoryForgeAnswer };
  };
  "/repositories/{repository_id}/recipe": {
    GET: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: RecipeAnswer };
    PUT: { path: { "repository_id": string }; query: Nothing; body: RecipeAsked; answer: RecipeAnswer };
    DELETE: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/repositories/{repository_id}/recipe/check": {
    POST: { path: { "repository_id": string }; query: Nothing; body: RecipeAsked; answer: RecipeChecked };
  };
  "/repositories/{repository_id}/recipe/edit": {
    POST: { path: { "repository_id": string }; query: Nothing; body: EditAsked; answer: RecipeEdited };
  };
  "/repositories/{repository_id}/recipe/suggest": {
    POST: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: SuggestionAnswer };
  };
  "/repositories/{repository_id}/roles": {
    GET: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: Roles };
  };
  "/repositories/{repository_id}/roles/{user_id}": {
    PUT: { path: { "repository_id": string; "user_id": string }; query: Nothing; body: RoleGiven; answer: RoleAnswer };
    DELETE: { path: { "repository_id": string; "user_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/repositories/{repository_id}/secrets": {
    GET: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: Secrets };
  };
  "/repositories/{repository_id}/secrets/{name}": {
    GET: { path: { "repository_id": string; "name": string }; query: Nothing; body: undefined; answer: SecretAnswer };
    PUT: { path: { "repository_id": string; "name": string }; query: Nothing; body: SecretAsked; answer: SecretAnswer };
    DELETE: { path: { "repository_id": string; "name": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/repositories/{repository_id}/variables": {
    GET: { path: { "repository_id": string }; query: Nothing; body: undefined; answer: Variables };
  };
  "/repositories/{repository_id}/variables/{name}": {
    GET: { path: { "repository_id": string; "name": string }; query: Nothing; body: undefined; answer: VariableAnswer };
    PUT: { path: { "repository_id": string; "name": string }; query: Nothing; body: VariableAsked; answer: VariableAnswer };
    DELETE: { path: { "repository_id": string; "name": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/roles": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Roles };
  };
  "/roles/{user_id}": {
    PUT: { path: { "user_id": string }; query: Nothing; body: RoleGiven; answer: RoleAnswer };
    DELETE: { path: { "user_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/server": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Running };
  };
  "/session": {
    POST: { path: Nothing; query: Nothing; body: SignIn; answer: UserAnswer };
    DELETE: { path: Nothing; query: Nothing; body: undefined; answer: undefined };
  };
  "/session/code": {
    POST: { path: Nothing; query: Nothing; body: SignInCode; answer: UserAnswer };
  };
  "/session/oidc": {
    GET: { path: Nothing; query: { "onward"?: string | undefined }; body: undefined; answer: undefined };
  };
  "/session/oidc/callback": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: undefined };
  };
  "/session/ways": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Ways };
  };
  "/stream": {
    GET: { path: Nothing; query: { "topics": string }; body: undefined; answer: string };
  };
  "/tasks": {
    GET: { path: Nothing; query: { "limit"?: number | undefined; "before"?: string | undefined; "repository"?: string | undefined; "status"?: "waiting" | "running" | "paused" | "cancelled" | "failed" | "interrupted" | "done" | "answered" | "no change" | null | undefined; "archived"?: boolean | undefined; "mine"?: boolean | undefined; "text"?: string | undefined }; body: undefined; answer: Tasks };
    POST: { path: Nothing; query: Nothing; body: TaskAsked; answer: TaskAnswer };
  };
  "/tasks/import": {
    POST: { path: Nothing; query: Nothing; body: BodyInit; answer: Import };
  };
  "/tasks/{task}": {
    GET: { path: { "task": string }; query: Nothing; body: undefined; answer: TaskAnswer };
  };
  "/tasks/{task}/archive": {
    POST: { path: { "task": string }; query: Nothing; body: undefined; answer: Archived };
  };
  "/tasks/{task}/cancel": {
    POST: { path: { "task": string }; query: Nothing; body: undefined; answer: Told };
  };
  "/tasks/{task}/choose": {
    POST: { path: { "task": string }; query: Nothing; body: ChoiceAsked; answer: Told };
  };
  "/tasks/{task}/diff": {
    GET: { path: { "task": string }; query: Nothing; body: undefined; answer: string };
  };
  "/tasks/{task}/effects": {
    GET: { path: { "task": string }; query: Nothing; body: undefined; answer: Effects };
  };
  "/tasks/{task}/effects/{effect}/retry": {
    POST: { path: { "task": string; "effect": string }; query: Nothing; body: undefined; answer: EffectAnswer };
  };
  "/tasks/{task}/evidence": {
    GET: { path: { "task": string }; query: Nothing; body: undefined; answer: EvidenceAnswer };
  };
  "/tasks/{task}/fork": {
    POST: { path: { "task": string }; query: Nothing; body: ForkAsked; answer: TaskAnswer };
  };
  "/tasks/{task}/messages": {
    POST: { path: { "task": string }; query: Nothing; body: MessageAsked; answer: Told };
  };
  "/tasks/{task}/pause": {
    POST: { path: { "task": string }; query: Nothing; body: undefined; answer: Told };
  };
  "/tasks/{task}/pull-request": {
    GET: { path: { "task": string }; query: Nothing; body: undefined; answer: PullRequestAnswer };
  };
  "/tasks/{task}/pull-request/close": {
    POST: { path: { "task": string }; query: Nothing; body: undefined; answer: PullRequestAnswer };
  };
  "/tasks/{task}/pull-request/merge": {
    POST: { path: { "task": string }; query: Nothing; body: undefined; answer: PullRequestAnswer };
  };
  "/tasks/{task}/resume": {
    POST: { path: { "task": string }; query: Nothing; body: undefined; answer: Told };
  };
  "/tasks/{task}/retry": {
    POST: { path: { "task": string }; query: Nothing; body: undefined; answer: Told };
  };
  "/tasks/{task}/unarchive": {
    POST: { path: { "task": string }; query: Nothing; body: undefined; answer: Archived };
  };
  "/tasks/{task}/undo": {
    POST: { path: { "task": string }; query: Nothing; body: UndoAsked; answer: UndoneAnswer };
  };
  "/tasks/{task}/verify": {
    POST: { path: { "task": string }; query: Nothing; body: undefined; answer: VerificationAnswer };
  };
  "/tokens": {
    GET: { path: Nothing; query: { "user"?: string | undefined; "after"?: string | undefined; "limit"?: number | undefined }; body: undefined; answer: Tokens };
    POST: { path: Nothing; query: Nothing; body: NewToken; answer: TokenMade };
  };
  "/tokens/{token_id}": {
    GET: { path: { "token_id": string }; query: Nothing; body: undefined; answer: TokenAnswer };
    DELETE: { path: { "token_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/users": {
    GET: { path: Nothing; query: { "after"?: string | undefined; "limit"?: number | undefined }; body: undefined; answer: Users };
    POST: { path: Nothing; query: Nothing; body: NewUser; answer: UserAnswer };
  };
  "/users/{user_id}": {
    GET: { path: { "user_id": string }; query: Nothing; body: undefined; answer: UserAnswer };
    PATCH: { path: { "user_id": string }; query: Nothing; body: UserChange; answer: UserAnswer };
  };
  "/users/{user_id}/logins": {
    GET: { path: { "user_id": string }; query: Nothing; body: undefined; answer: LoginsAnswer };
    PUT: { path: { "user_id": string }; query: Nothing; body: LoginsAsked; answer: LoginsAnswer };
  };
  "/webhooks": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Webhooks };
    POST: { path: Nothing; query: Nothing; body: WebhookAsked; answer: WebhookMade };
  };
  "/webhooks/{webhook_id}": {
    GET: { path: { "webhook_id": string }; query: Nothing; body: undefined; answer: WebhookAnswer };
    PATCH: { path: { "webhook_id": string }; query: Nothing; body: WebhookChange; answer: WebhookAnswer };
    DELETE: { path: { "webhook_id": string }; query: Nothing; body: undefined; answer: undefined };
  };
  "/webhooks/{webhook_id}/deliveries": {
    GET: { path: { "webhook_id": string }; query: { "before"?: string | undefined; "limit"?: number | undefined }; body: undefined; answer: Deliveries };
  };
  "/webhooks/{webhook_id}/deliveries/{delivery_id}": {
    GET: { path: { "webhook_id": string; "delivery_id": string }; query: Nothing; body: undefined; answer: DeliveryAnswer };
  };
  "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": {
    POST: { path: { "webhook_id": string; "delivery_id": string }; query: Nothing; body: undefined; answer: DeliveryAnswer };
  };
  "/webhooks/{webhook_id}/ping": {
    POST: { path: { "webhook_id": string }; query: Nothing; body: undefined; answer: DeliveryAnswer };
  };
  "/workers": {
    GET: { path: Nothing; query: Nothing; body: undefined; answer: Workers };
  };
}
