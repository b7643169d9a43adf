/** Files that are nobody else's business: private by their descriptors, replaced as a whole, durable, one process at a time. attacks.md F6, faults 5, 6, 15. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HushError } from '../errors.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/** The new contents are in place, but whether they would outlive a crash now is not known. */
export class UnsyncedError extends HushError {}

/**
 * A folder of this user that no other user can look into. Its files are refused unless they are regular, this user's, without any
 * permission for others, without second name, and reached without a symbolic link. All methods but `open` need it open and
 * throw HushError: `not-available` for what cannot be used as it is, `resource-unavailable` for what could not be written.
 */
export class PrivateFolder {
  readonly path: string;
  #handles: { readonly folder: FileHandle; readonly lock: FileHandle } | undefined;

  /** `path` is absolute, or '' where there is no place for data. It and its parent, which no other user may write to, are made if need be. */
  constructor(path: string) {
    this.path = path;
  }

  /** Makes or checks the folder and keeps every other process out of it, until `close` or the end of this process. */
  async open(): Promise<void> {
    if (this.path === '') throw new HushError('not-available', 'there is no folder for data: neither XDG_DATA_HOME nor HOME is set');
    const parent = dirname(this.path);
    try {
      await mkdir(dirname(parent), { recursive: true, mode: 0o700 });
      await (await openFolder(parent, 0o022)).close();
      const folder = await openFolder(this.path, 0o077);
      try {
        this.#handles = { folder, lock: await this.#lock() };
      } catch (error) {
        await folder.close();
        throw error;
      }
    } catch (error) {
      throw asUnusable(error, this.path);
    }
  }

  async close(): Promise<void> {
    const handles = this.#handles;
    this.#handles = undefined;
    await handles?.lock.close();
    await handles?.folder.close();
  }

  async names(): Promise<string[]> {
    return readdir(this.path);
  }

  /** The bytes of a file, undefined where there is none. HushError `invalid-data` for more than `maxBytes`. */
  async read(name: string, maxBytes: number): Promise<Buffer | undefined> {
    const path = join(this.path, name);
    let file: FileHandle;
    try {
      file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw asUnusable(error, path);
    }
    try {
      const found = await file.stat();
      checkFile(found, path);
      return await readAll(file, found.size, maxBytes);
    } catch (error) {
      throw asUnusable(error, path);
    } finally {
      await file.close();
    }
  }

  /** Puts `bytes` in the place of a file, or makes it. After a failure the old file is there, except for `UnsyncedError`: then the new one is. */
  async replace(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.path, name);
    const fresh = `${path}.new`;
    try {
      // What a process left that was killed here. Nobody else writes: the folder is locked.
      await unlink(fresh).catch(ignore('ENOENT'));
      const file = await open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(fresh, path);
    } catch (error) {
      await unlink(fresh).catch(() => undefined);
      throw new HushError('resource-unavailable', `${path} could not be written${codeOf(error)}`, { cause: error });
    }
    await this.#sync(path);
  }

  /** Gives a file another name, for good. */
  async move(name: string, to: string): Promise<void> {
    const path = join(this.path, name);
    try {
      await rename(path, join(this.path, to));
    } catch (error) {
      throw new HushError('resource-unavailable', `${path} could not be moved${codeOf(error)}`, { cause: error });
    }
    await this.#sync(path);
  }

  async #sync(path: string): Promise<void> {
    try {
      await this.#handles?.folder.sync();
    } catch (error) {
      throw new UnsyncedError('resource-unavailable', `${path} was written but may not outlive a crash${codeOf(error)}`, { cause: error });
    }
  }

  /** The kernel's lock on an open file ends with the process, however it ends. Node cannot take it, so flock(1) does, on our open file. */
  async #lock(): Promise<FileHandle> {
    const path = join(this.path, 'lock');
    const file = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    try {
      checkFile(await file.stat(), path);
      const locking = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd] });
      const [code] = (await once(locking, 'exit')) as [number | null];
      if (code !== 0) throw new HushError('not-available', `${this.path} is used by another process`);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

/** The bytes of a file that the user named: any regular file, of at most `maxBytes`. HushError `invalid-argument`, `does-not-exist`, `permission-denied`, `not-available`. */
export async function readNamedFile(path: string, maxBytes: number): Promise<Buffer> {
  if (!path.startsWith('/') || path.includes('\0')) throw new HushError('invalid-argument', 'not an absolute path');
  let file: FileHandle;
  try {
    file = await open(path, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new HushError('does-not-exist', 'there is no such file', { cause: error });
    if (isErrno(error, 'EACCES')) throw new HushError('permission-denied', 'the file may not be read', { cause: error });
    throw new HushError('not-available', `the file cannot be read${codeOf(error)}`, { cause: error });
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new HushError('invalid-argument', 'not a regular file');
    return await readAll(file, found.size, maxBytes);
  } catch (error) {
    if (error instanceof HushError && error.condition !== 'invalid-data') throw error;
    throw new HushError('invalid-argument', 'the file is too long or cannot be read', { cause: error });
  } finally {
    await file.close();
  }
}

async function readAll(file: FileHandle, size: number, maxBytes: number): Promise<Buffer> {
  if (size > maxBytes) throw new HushError('invalid-data', 'the file is too long');
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(bytes, at, size - at, at);
    if (bytesRead === 0) return bytes.subarray(0, at);
    at += bytesRead;
  }
  return bytes;
}

/** The folder, made if need be, with its entry in its parent durable. `forbidden`: permissions it must not give to others. */
async function openFolder(path: string, forbidden: number): Promise<FileHandle> {
  try {
    await mkdir(path, { mode: 0o700 });
    const parent = await open(dirname(path), O_RDONLY | O_DIRECTORY);
    try {
      await parent.sync();
    } finally {
      await parent.close();
    }
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  const folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    checkPrivate(await folder.stat(), path, forbidden);
    return folder;
  } catch (error) {
    await folder.close();
    throw error;
  }
}

function checkPrivate(found: Stats, path: string, forbidden: number): void {
  if (found.uid !== process.geteuid?.()) throw new HushError('not-available', `${path} belongs to another user`);
  if ((found.mode & forbidden) !== 0) throw new HushError('not-available', `${path} is open to other users`);
}

function checkFile(found: Stats, path: string): void {
  if (!found.isFile()) throw new HushError('not-available', `${path} is not a regular file`);
  checkPrivate(found, path, 0o077);
  if (found.nlink !== 1) throw new HushError('not-available', `${path} has a second name`);
}

function asUnusable(error: unknown, path: string): HushError {
  if (error instanceof HushError) return error;
  const isLink = isErrno(error, 'ELOOP') || isErrno(error, 'ENOTDIR');
  return new HushError('not-available', isLink ? `${path} is a symbolic link, or not what it should be` : `${path} cannot be used${codeOf(error)}`, { cause: error });
}

function isErrno(error: unknown, code: string): boolean {
  return errnoOf(error) === code;
}

function codeOf(error: unknown): string {
  const code = errnoOf(error);
  return code === undefined ? '' : ` (${code})`;
}

/** ENOENT … of an error from the system. */
function errnoOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function ignore(code: string): (error: unknown) => void {
  return (error) => {
    if (!isErrno(error, code)) throw error;
  };
}
