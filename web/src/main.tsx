import { render } from "preact";
import { App } from "./app";
import { listenToKeys } from "./keys";
import { applyTheme } from "./theme";
import "./theme.css";
import "./parts/parts.css";
import "./layout/layout.css";

applyTheme();
listenToKeys();
const root = document.getElementById("app");
if (root) render(<App />, root);
