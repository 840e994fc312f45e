// The patch of an attempt, to save.
import { ask } from "../../api";
import { save } from "../../save";

export async function download(attempt: string, name: string): Promise<void> {
  const answer = await ask("GET", `/attempts/${encodeURIComponent(attempt)}/diff`);
  save(await answer.blob(), `${name}.patch`);
}
