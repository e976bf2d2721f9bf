import { note } from "./note.ts";

export default () => note("begin suite");
