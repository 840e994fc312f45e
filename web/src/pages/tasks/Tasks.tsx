import { call } from "../../api";
import { useLoad } from "../../load";
import { Link } from "../../router";
import { Plain, Shown, State, Time } from "../../parts";

export default function Tasks() {
  const tasks = useLoad((signal) => call("GET", "/tasks", { signal, query: {} }), []);
  return (
    <>
      <h1>Tasks</h1>
      <Shown of={tasks} lines={8}>
        {({ tasks }) => (
          <ul class="plain-list">
            {tasks.map((one) => (
              <li key={one.id}>
                <State of={one.status} /> <Link to={`/tasks/${one.id}`}><Plain text={one.prompt} /></Link> <Time at={one.updated} />
              </li>
            ))}
          </ul>
        )}
      </Shown>
    </>
  );
}
