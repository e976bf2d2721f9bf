import { constants, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { resolve } from "node:path";
import type { Attributes, FileEntry, SFTPWrapper } from "ssh2";
import ssh2 from "ssh2";
import { assertInside, onDisk } from "./folder.ts";

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp;

export interface FileRoots {
  readonly root: string;
  readonly home: string;
  /** Is the home folder's disk full? Then a write fails, as it does for the machine's commands. */
  diskFull(): boolean;
}

type Open =
  | { readonly kind: "file"; readonly file: fs.FileHandle }
  | { readonly kind: "folder"; readonly path: string; read: boolean };

class DiskFull extends Error {
  readonly code = "ENOSPC";
}

/** SFTP version 3 on the machine's disk: enough for scp, sftp and Ansible. Relative paths begin at home. */
export function serveFiles(sftp: SFTPWrapper, roots: FileRoots): void {
  const opened = new Map<number, Open>();
  let lastHandle = 0;

  const place = async (path: string): Promise<string> => {
    const inside = onDisk(roots.root, resolve(roots.home, path));
    await assertInside(roots.root, inside);
    return inside;
  };
  const remember = (request: number, open: Open): void => {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(++lastHandle);
    opened.set(lastHandle, open);
    sftp.handle(request, handle);
  };
  const file = (handle: Buffer): fs.FileHandle => {
    const open = opened.get(handle.readUInt32BE());
    if (open?.kind !== "file") throw Object.assign(new Error("no such handle"), { code: "EBADF" });
    return open.file;
  };
  const refuseWhenFull = (): void => {
    if (roots.diskFull()) throw new DiskFull("No space left on device");
  };
  /** Runs one request; whatever it throws becomes the status that sftp-server would send. */
  const answer = (request: number, work: () => Promise<"done" | "answered">): void => {
    work().then(
      (outcome) => {
        if (outcome === "done") sftp.status(request, STATUS_CODE.OK);
      },
      (error: NodeJS.ErrnoException) => sftp.status(request, statusOf(error), error.message),
    );
  };
  const done = (work: () => Promise<unknown>) => async () => {
    await work();
    return "done" as const;
  };
  const answered = (work: () => Promise<unknown>) => async () => {
    await work();
    return "answered" as const;
  };

  sftp.on("OPEN", (request, name, flags, attributes) => {
    answer(
      request,
      answered(async () => {
        if (flags & OPEN_MODE.WRITE) refuseWhenFull();
        remember(request, {
          kind: "file",
          file: await fs.open(await place(name), openFlags(flags), attributes.mode ?? 0o644),
        });
      }),
    );
  });
  sftp.on("READ", (request, handle, offset, length) => {
    answer(
      request,
      answered(async () => {
        const { bytesRead, buffer } = await file(handle).read(Buffer.alloc(length), 0, length, offset);
        if (bytesRead === 0) sftp.status(request, STATUS_CODE.EOF);
        else sftp.data(request, buffer.subarray(0, bytesRead));
      }),
    );
  });
  sftp.on("WRITE", (request, handle, offset, data) => {
    answer(
      request,
      done(async () => {
        refuseWhenFull();
        await file(handle).write(data, 0, data.length, offset);
      }),
    );
  });
  sftp.on("CLOSE", (request, handle) => {
    const id = handle.readUInt32BE();
    const open = opened.get(id);
    opened.delete(id);
    answer(
      request,
      done(async () => (open?.kind === "file" ? open.file.close() : undefined)),
    );
  });
  sftp.on("FSTAT", (request, handle) => {
    answer(
      request,
      answered(async () => sftp.attrs(request, attributesOf(await file(handle).stat()))),
    );
  });
  sftp.on("FSETSTAT", (request, handle, attributes) => {
    answer(
      request,
      done(async () => change(file(handle), attributes)),
    );
  });
  sftp.on("STAT", (request, path) => {
    answer(
      request,
      answered(async () => sftp.attrs(request, attributesOf(await fs.stat(await place(path))))),
    );
  });
  sftp.on("LSTAT", (request, path) => {
    answer(
      request,
      answered(async () => sftp.attrs(request, attributesOf(await fs.lstat(await place(path))))),
    );
  });
  sftp.on("SETSTAT", (request, path, attributes) => {
    answer(
      request,
      done(async () => {
        const target = await fs.open(await place(path), "r");
        await change(target, attributes).finally(() => target.close());
      }),
    );
  });
  sftp.on("OPENDIR", (request, path) => {
    answer(
      request,
      answered(async () => {
        const folder = await place(path);
        await fs.readdir(folder);
        remember(request, { kind: "folder", path: folder, read: false });
      }),
    );
  });
  sftp.on("READDIR", (request, handle) => {
    const open = opened.get(handle.readUInt32BE());
    answer(
      request,
      answered(async () => {
        if (open?.kind !== "folder" || open.read) return sftp.status(request, STATUS_CODE.EOF);
        open.read = true;
        sftp.name(request, await entries(open.path));
      }),
    );
  });
  sftp.on("REALPATH", (request, path) => {
    answer(
      request,
      answered(async () => {
        const filename = await place(path);
        sftp.name(request, [{ filename, longname: filename, attrs: NO_ATTRIBUTES }]);
      }),
    );
  });
  sftp.on("MKDIR", (request, path) => {
    answer(
      request,
      done(async () => {
        refuseWhenFull();
        await fs.mkdir(await place(path));
      }),
    );
  });
  sftp.on("REMOVE", (request, path) =>
    answer(
      request,
      done(async () => fs.unlink(await place(path))),
    ),
  );
  sftp.on("RMDIR", (request, path) =>
    answer(
      request,
      done(async () => fs.rmdir(await place(path))),
    ),
  );
  sftp.on("RENAME", (request, from, to) => {
    answer(
      request,
      done(async () => fs.rename(await place(from), await place(to))),
    );
  });
  sftp.on("close", () => {
    for (const open of opened.values()) if (open.kind === "file") void open.file.close().catch(() => {});
    opened.clear();
  });
}

const NO_ATTRIBUTES: Attributes = { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };

/** The protocol's open flags as the system's. */
function openFlags(flags: number): number {
  const access =
    flags & OPEN_MODE.WRITE
      ? flags & OPEN_MODE.READ
        ? constants.O_RDWR
        : constants.O_WRONLY
      : constants.O_RDONLY;
  return (
    access |
    (flags & OPEN_MODE.APPEND ? constants.O_APPEND : 0) |
    (flags & OPEN_MODE.CREAT ? constants.O_CREAT : 0) |
    (flags & OPEN_MODE.TRUNC ? constants.O_TRUNC : 0) |
    (flags & OPEN_MODE.EXCL ? constants.O_EXCL : 0)
  );
}

function attributesOf(stats: Stats): Attributes {
  const { mode, uid, gid, size, atimeMs, mtimeMs } = stats;
  return { mode, uid, gid, size, atime: Math.floor(atimeMs / 1000), mtime: Math.floor(mtimeMs / 1000) };
}

async function change(file: fs.FileHandle, attributes: Partial<Attributes>): Promise<void> {
  if (attributes.mode !== undefined) await file.chmod(attributes.mode & 0o7777);
  if (attributes.size !== undefined) await file.truncate(attributes.size);
  if (attributes.atime !== undefined && attributes.mtime !== undefined) {
    await file.utimes(attributes.atime, attributes.mtime);
  }
}

async function entries(folder: string): Promise<FileEntry[]> {
  const names = await fs.readdir(folder);
  return Promise.all(
    names.map(async (filename) => {
      const stats = await fs.lstat(resolve(folder, filename));
      return {
        filename,
        longname: `${stats.isDirectory() ? "d" : "-"} ${filename}`,
        attrs: attributesOf(stats),
      };
    }),
  );
}

function statusOf(error: NodeJS.ErrnoException): number {
  if (error.code === "ENOENT") return STATUS_CODE.NO_SUCH_FILE;
  if (error.code === "EACCES" || error.code === "EPERM") return STATUS_CODE.PERMISSION_DENIED;
  return STATUS_CODE.FAILURE;
}
