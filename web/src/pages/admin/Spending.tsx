import { Tabs } from "../../parts";
import { setQuery, usePlace } from "../../router";
import { AllBudgets } from "./Budgets";
import { AllLimits } from "./Limits";

const TABS = [
  { name: "budgets" as const, title: "Budgets" },
  { name: "limits" as const, title: "Limits" },
];

/** What caps money and work. */
export default function Spending() {
  const { query } = usePlace();
  const chosen = query.get("part") === "limits" ? "limits" : "budgets";
  return (
    <>
      <h1>Budgets and limits</h1>
      <Tabs label="Parts" tabs={TABS} chosen={chosen} onChoose={(part) => setQuery({ part: part === "limits" ? part : "" })}>
        {chosen === "budgets" ? <AllBudgets /> : <AllLimits />}
      </Tabs>
    </>
  );
}
