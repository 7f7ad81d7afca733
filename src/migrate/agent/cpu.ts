// What processors can do, as CRIU compares them: an extended state or an instruction that a process has found at
// its start must be there for the rest of its life.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Criu } from '../../criu/index.js';
import { CriuError } from '../../errors.js';

const IMAGE = 'cpuinfo.img';

async function inDirectory<T>(fn: (imagesDir: string) => Promise<T>): Promise<T> {
  const imagesDir = await mkdtemp(path.join(tmpdir(), 'roam-cpuinfo-'));
  try {
    return await fn(imagesDir);
  } finally {
    await rm(imagesDir, { recursive: true, force: true });
  }
}

/** CRIU's description of this host's processors, in base64; undefined where CRIU has none for them. */
export function describeCpu(criuPath: string): Promise<string | undefined> {
  return inDirectory(async (imagesDir) => {
    try {
      await using criu = await Criu.swrk({ path: criuPath });
      await criu.cpuinfoDump({ imagesDir });
      return await readFile(path.join(imagesDir, IMAGE), 'base64');
    } catch (error) {
      if (error instanceof CriuError) return undefined;
      throw error;
    }
  });
}

/** What the processors of this host lack of a description; null: nothing. */
export function lackingCpu(criuPath: string, description: string): Promise<string | null> {
  return inDirectory(async (imagesDir) => {
    await writeFile(path.join(imagesDir, IMAGE), description, 'base64');
    try {
      await using criu = await Criu.swrk({ path: criuPath });
      await criu.cpuinfoCheck({ imagesDir });
      return null;
    } catch (error) {
      if (error instanceof CriuError) return error.firstError ?? error.message;
      throw error;
    }
  });
}
