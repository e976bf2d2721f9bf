import { note } from "./note.ts";

export default () => note("end suite");
