import { open, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** `(00.012345)`, `1234:` (the task that logged) and `Error (file.c:12):` in front of a message. */
const prefix = /^(?:\(\d+\.\d+\)\s*)?(?:\s*\d+:\s*)?Error \([^)]*\):\s*/;

/** Logged as errors although CRIU goes on unharmed: they would hide the reason of a failure. */
const harmless = [/^rlimit: Can't setup RLIMIT_NOFILE for self/, /^tun: Unable to create tun/];

/**
 * The first error in a CRIU log, without time, task and source position; `undefined` when there is
 * none. It is usually the reason of a failure, and the errors after it are its consequences. Errors
 * that CRIU is known to ignore count only when there is no other.
 */
export function firstCriuError(logText: string): string | undefined {
  let fallback: string | undefined;
  for (const line of logText.split('\n')) {
    if (!prefix.test(line)) continue;
    const message = line.replace(prefix, '').trim();
    if (message === '') continue;
    if (!harmless.some((pattern) => pattern.test(message))) return message;
    fallback ??= message;
  }
  return fallback;
}

/** The last `count` lines of `text`. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

/** How much of a log is read at each of its ends: a dump at log level 4 writes many megabytes. */
const WINDOW = 4 * 1024 * 1024;

/** The log that a CRIU request writes, known before the request starts. */
export class CriuLog {
  /** Absolute path, for people. */
  readonly path: string;
  readonly #before: string | undefined;

  private constructor(path: string, before: string | undefined) {
    this.path = path;
    this.#before = before;
  }

  /** `directory` is CRIU's work directory; whatever the file holds now is not this request's. */
  static async expect(directory: string, file = 'criu.log'): Promise<CriuLog> {
    const path = join(await readlink(directory).catch(() => directory), file);
    return new CriuLog(path, await identity(path));
  }

  /**
   * What this request wrote, cut in the middle when it is very long; `''` when CRIU gave up before it
   * opened its log.
   */
  async read(): Promise<string> {
    const now = await identity(this.path);
    if (now === undefined || now === this.#before) return '';
    await using file = await open(this.path, 'r');
    const { size } = await file.stat();
    const head = await readAt(file, 0, Math.min(size, WINDOW));
    if (size <= WINDOW) return head;
    const tailStart = Math.max(WINDOW, size - WINDOW);
    return `${head}\n${await readAt(file, tailStart, size - tailStart)}`;
  }
}

async function identity(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}`;
}

async function readAt(
  file: import('node:fs/promises').FileHandle,
  offset: number,
  length: number,
): Promise<string> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  return buffer.toString('utf8', 0, bytesRead);
}
