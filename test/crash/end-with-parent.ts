/**
 * Loaded into a bot (`node --import`) that a test starts: it ends, with its process group, once the test's process is
 * gone. A test run that was itself killed leaves no bot behind that still answers on a port and cleans up in a cloud
 * that later tests may have taken over.
 */
const LOOK_MS = 500;
const parent = process.ppid;

setInterval(() => {
  if (process.ppid !== parent) process.kill(-process.pid, "SIGKILL");
}, LOOK_MS).unref();
