import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, unlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where images are kept: `$ROAM_CACHE_DIR`, else `roam-rdma` in `$XDG_CACHE_HOME` or `~/.cache`. */
export function cacheDir(): string {
  if (process.env.ROAM_CACHE_DIR) return path.resolve(process.env.ROAM_CACHE_DIR);
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'roam-rdma');
}

/** Removes every cached image. Running labs keep the deleted files until they end. Returns bytes freed. */
export async function cleanCache(): Promise<number> {
  const bytes = await treeSize(cacheDir());
  await rm(cacheDir(), { recursive: true, force: true });
  return bytes;
}

/** Disk usage below a path in bytes, 0 when it does not exist. */
async function treeSize(dir: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const full = path.join(dir, entry.name);
    if (entry.isDirectory()) total += await treeSize(full);
    else if (entry.isFile()) total += (await stat(full)).blocks * 512;
  }
  return total;
}

/** Short hash of strings and of the contents and names of files and trees (those that exist). */
export async function hashInputs(texts: string[], paths: string[] = []): Promise<string> {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:${text}`);
  for (const file of paths) await hashPath(hash, file, path.basename(file));
  return hash.digest('hex').slice(0, 16);
}

async function hashPath(hash: ReturnType<typeof createHash>, file: string, name: string): Promise<void> {
  const info = await stat(file).catch(() => undefined);
  if (info?.isDirectory()) {
    for (const entry of (await readdir(file)).sort())
      await hashPath(hash, path.join(file, entry), `${name}/${entry}`);
  } else if (info) {
    hash.update(`${name}\0${info.size}\0${info.mode & 0o111}\0`).update(await readFile(file));
  }
}

/** Runs `work` while no other process holds the lock of that name; a dead holder's lock is broken. */
export async function withCacheLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  const file = path.join(cacheDir(), `${name}.lock`);
  await mkdir(cacheDir(), { recursive: true });
  for (;;) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!(await holderLives(file))) await unlink(file).catch(() => {});
      else await sleep(300);
    }
  }
  try {
    return await work();
  } finally {
    await unlink(file).catch(() => {});
  }
}

async function holderLives(file: string): Promise<boolean> {
  const pid = Number(await readFile(file, 'utf8').catch(() => '0'));
  // An empty file is a holder between open and write, unless it stays so.
  if (!pid) return Date.now() - ((await stat(file).catch(() => undefined))?.mtimeMs ?? 0) < 2000;
  return stat(`/proc/${pid}`).then(
    () => true,
    () => false,
  );
}

/** Removes entries of the cache that start with `prefix`, but for those named and the newest `keep` others. */
export async function pruneCache(prefix: string, current: string[], keep: number): Promise<void> {
  const found: { name: string; mtime: number }[] = [];
  for (const name of await readdir(cacheDir())) {
    if (!name.startsWith(prefix) || current.includes(name) || name.endsWith('.lock')) continue;
    found.push({ name, mtime: (await stat(path.join(cacheDir(), name))).mtimeMs });
  }
  found.sort((a, b) => b.mtime - a.mtime);
  for (const { name } of found.slice(keep))
    await rm(path.join(cacheDir(), name), { recursive: true, force: true });
}
