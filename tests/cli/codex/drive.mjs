// Does what a job says with the published SDK, and prints what came of each step as one JSON document.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const job = JSON.parse(readFileSync(0, "utf8"));
const { Codex } = await import(pathToFileURL(job.sdk).href);
const codex = new Codex(job.codex);
const results = [];
let thread = null;

for (const step of job.steps) {
  if (step.start !== undefined) thread = codex.startThread(step.start);
  if (step.resume !== undefined) thread = codex.resumeThread(results[step.resume].id, step.options ?? {});
  const control = new AbortController();
  if (step.aborted) control.abort("before it began");
  const options = { ...step.turn, signal: control.signal };
  if (step.abortAfter !== undefined) setTimeout(() => control.abort("in the middle"), step.abortAfter);
  const result = { id: null };
  try {
    if (step.sideBySide) {
      const threads = Array.from({ length: step.sideBySide }, () => codex.startThread(step.start));
      const runs = await Promise.all(threads.map((one) => one.run(step.input, options)));
      result.runs = runs.map((run, number) => ({ ...run, id: threads[number].id }));
    } else if (step.streamed) {
      result.events = [];
      const { events } = await thread.runStreamed(step.input, options);
      for await (const event of events) {
        result.events.push(event);
        if (event.type === step.abortAt) control.abort("while it went on");
      }
    } else {
      Object.assign(result, await thread.run(step.input, options));
    }
  } catch (error) {
    result.error = String(error.message ?? error);
  }
  result.id = thread.id;
  results.push(result);
}
process.stdout.write(JSON.stringify(results));
