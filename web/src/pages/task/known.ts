// Which logs an attempt has, for those who would link to them.
import { createContext } from "preact";
import type { LogPlace } from "./text/citations";

export const Known = createContext<(place: LogPlace) => boolean>(() => false);
