// What stands beside the conversation: plan, spending, files.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { BudgetAnswer, TaskAnswer } from "../../api";
import { count, Duration, duration, Money, money, Plain, short } from "../../parts";
import type { Folded } from "./fold";
import { PlanView } from "./steps/EntryView";
import { Shown } from "./text/Shown";

export function Facts({ task, folded }: { task: TaskAnswer; folded: Folded }) {
  const budgets = task.budgets ?? [];
  return (
    <aside class="facts" aria-label="Facts">
      {folded.plan.length > 0 && (
        <section>
          <h2>Plan</h2>
          <PlanView steps={folded.plan} explanation="" />
        </section>
      )}
      <section>
        <h2>Spent</h2>
        <Spent task={task} folded={folded} />
      </section>
      {budgets.length > 0 && (
        <section>
          <h2>Budgets</h2>
          {budgets.map((one, at) => (
            <Budget key={at} budget={one} />
          ))}
        </section>
      )}
      {folded.totals.files.length > 0 && (
        <section>
          <h2>Files edited</h2>
          <ul class="plain-list">
            {folded.totals.files.slice(0, 30).map((path) => (
              <li key={path} class="cut-line">
                <code>
                  <Shown text={path} />
                </code>
              </li>
            ))}
            {folded.totals.files.length > 30 && <li class="hint">and {folded.totals.files.length - 30} more</li>}
          </ul>
        </section>
      )}
      {(task.notes.length > 0 || task.checks.length > 0) && <Terms task={task} />}
    </aside>
  );
}

function Spent({ task, folded }: { task: TaskAnswer; folded: Folded }) {
  const { totals } = folded;
  const { limits } = task;
  return (
    <dl class="spent">
      <Line
        name="Cost"
        value={<Money microusd={totals.cost} />}
        now={totals.cost ?? 0}
        most={limits["cost_microusd"] ?? null}
        show={money}
      />
      <Line
        name="Tokens"
        value={`${short(totals.input)} in, ${short(totals.output)} out`}
        now={totals.input + totals.output}
        most={limits["tokens"] ?? null}
        show={short}
      />
      <Line name="Model calls" value={count(totals.turns)} now={totals.turns} most={limits["turns"] ?? null} show={count} />
      <Line
        name="Time"
        value={<Duration seconds={totals.seconds} />}
        now={totals.seconds}
        most={limits["seconds"] ?? null}
        show={duration}
      />
      <Line name="Commands" value={count(totals.commands)} now={0} most={null} show={count} />
    </dl>
  );
}

interface LineProps {
  name: string;
  value: preact.ComponentChildren;
  now: number;
  most: number | null;
  show: (value: number) => string;
}

function Line({ name, value, now, most, show }: LineProps) {
  return (
    <div class="spent-line">
      <dt>{name}</dt>
      <dd>
        {value}
        {most !== null && <span class="hint"> of {show(most)}</span>}
      </dd>
      {most !== null && most > 0 && (
        <dd class="spent-meter">
          <Meter label={`${name}, of its limit`} part={now / most} />
        </dd>
      )}
    </div>
  );
}

/** How much of something is used up; its width is set through the CSSOM. */
function Meter({ label, part }: { label: string; part: number }) {
  const bar = useRef<HTMLSpanElement>(null);
  const percent = Math.round(Math.min(1, Math.max(0, part)) * 100);
  useLayoutEffect(() => bar.current?.style.setProperty("width", `${percent}%`), [percent]);
  return (
    <span
      class={`meter ${part > 0.9 ? "bad" : part > 0.7 ? "warn" : ""}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <span ref={bar} />
    </span>
  );
}

function Budget({ budget }: { budget: BudgetAnswer }) {
  const spent = budget.spent_microusd + budget.reserved_microusd;
  const tokens = budget.spent_tokens + budget.reserved_tokens;
  const name = budget.kind === "repository" ? budget.name.split("/").at(-1) || budget.name : budget.name;
  return (
    <div class="budget">
      <div class="cut-line" title={budget.kind}>
        <Plain text={`${budget.kind} ${budget.kind === "task" ? "" : name}`} />{" "}
        <span class="hint">{budget.period === "day" ? "today" : "in all"}</span>
      </div>
      {budget.microusd !== null && (
        <>
          <span class="tabular">
            {money(spent)} of {money(budget.microusd)}
          </span>
          <Meter label="money of the budget" part={spent / Math.max(1, budget.microusd)} />
        </>
      )}
      {budget.tokens !== null && (
        <>
          <span class="tabular">
            {short(tokens)} of {short(budget.tokens)} tokens
          </span>
          <Meter label="tokens of the budget" part={tokens / Math.max(1, budget.tokens)} />
        </>
      )}
    </div>
  );
}

function Terms({ task }: { task: TaskAnswer }) {
  return (
    <section>
      <h2>Checks</h2>
      <ul class="plain-list">
        {task.checks.map((check, at) => (
          <li key={at} class="cut-line">
            <code>
              <Shown text={check} />
            </code>
          </li>
        ))}
      </ul>
      <p class="hint">
        <Shown text={task.checks_from} />
      </p>
      {task.notes.map((note, at) => (
        <p key={at} class="hint">
          <Shown text={note} />
        </p>
      ))}
    </section>
  );
}
