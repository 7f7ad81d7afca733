// Carried files get to their places, and back.
import { chmod, chown, cp, mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';

interface Step {
  run: () => Promise<void>;
  undo: () => Promise<void>;
  finish: () => Promise<void>;
}

/**
 * Puts `dir`/files/PATH at PATH for each path, owner, mode and times included.
 *
 * What was there is renamed aside in its own directory, so that each replacement and each return is atomic.
 */
export function placeFiles(dir: string, paths: string[], id: string): Step {
  const placed: { path: string; backup?: string }[] = [];
  const incomplete = new Set<string>();
  return {
    run: async () => {
      for (const path of paths) {
        const incoming = `${path}.${id}.new`;
        await mkdir(dirname(path), { recursive: true });
        incomplete.add(incoming);
        await copyWithOwner(`${dir}/files${path}`, incoming);
        const exists = await stat(path).then(
          () => true,
          () => false,
        );
        const backup = exists ? `${path}.${id}.old` : undefined;
        if (backup) await rename(path, backup);
        placed.push({ path, ...(backup ? { backup } : {}) });
        await rename(incoming, path);
        incomplete.delete(incoming);
      }
    },
    undo: async () => {
      const returns = placed
        .reverse()
        .map(({ path, backup }) => (backup ? () => rename(backup, path) : () => rm(path, { force: true })));
      const leftovers = [...incomplete].map((path) => () => rm(path, { force: true }));
      const errors: Error[] = [];
      for (const step of [...returns, ...leftovers]) await step().catch((error) => errors.push(error));
      if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('; '));
    },
    finish: async () => {
      for (const { backup } of placed) if (backup) await rm(backup, { force: true });
    },
  };
}

async function copyWithOwner(from: string, to: string): Promise<void> {
  const { uid, gid, mode, atime, mtime } = await stat(from);
  await cp(from, to);
  await chown(to, uid, gid);
  await chmod(to, mode & 0o7777);
  await utimes(to, atime, mtime);
}
