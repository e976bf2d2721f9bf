import type { Words } from "./index.ts";

/** `start [-d]`, `stop`, `restart`: with `-d` it returns at once, else when the LMS answers. */
export const startLms: Words = async (platform, words, call) => {
  const [verb] = words;
  const lms = platform.container("lms");
  switch (verb) {
    case "start":
    case "restart": {
      if (verb === "restart") await lms.restart();
      else call.stdout((await lms.up()) === "created" ? "LMS is starting." : "LMS is already running.");
      if (!words.includes("-d")) await lms.ready();
      return 0;
    }
    case "stop":
      await lms.down();
      return 0;
    default:
      call.stderr("usage: start [-d] | stop | restart");
      return 2;
  }
};

/** `sql QUERY`: the one kind of query that a service update needs, columns of one row by a name. */
export const lmsSql: Words = async (platform, words, call) => {
  if (!platform.container("lms").running) {
    call.stderr("ERROR 2002 (HY000): the LMS database is not running");
    return 1;
  }
  const query = words.join(" ");
  const match =
    /^\s*select\s+(.+?)\s+from\s+oauth2_provider_application\s+where\s+name\s*=\s*'([^']*)'\s*;?\s*$/i.exec(
      query,
    );
  if (match === null) {
    call.stderr("Only: select client_id, client_secret from oauth2_provider_application where name='…'");
    return 1;
  }
  const row = platform.records.lms().applications[match[2] ?? ""];
  if (row === undefined) return 0;
  const columns: Record<string, string> = {
    client_id: row.clientId,
    client_secret: row.clientSecret,
    name: match[2] ?? "",
  };
  const values = (match[1] ?? "").split(",").map((column) => columns[column.trim().toLowerCase()]);
  if (values.includes(undefined)) {
    call.stderr(`ERROR 1054 (42S22): Unknown column in '${match[1]}'`);
    return 1;
  }
  call.stdout(values.join("\t"));
  return 0;
};
