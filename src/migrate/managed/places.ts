// What a container has written and printed, on its way to the container that stands for it at the destination.
import { readdir, stat } from 'node:fs/promises';
import { syncPath } from '../sync.js';
import type { MigrateOptions } from '../types.js';

export class SyncedPlaces {
  readonly #sent = new Set<string>();

  constructor(private readonly options: Pick<MigrateOptions, 'to' | 'ssh'>) {}

  /** @returns bytes sent; 0 also for a place that is not known */
  async send(here: string | undefined, there: string | undefined): Promise<number> {
    // Most containers write nothing outside their volumes; one that has removed everything again must be looked at.
    if (!here || !there || (!this.hasSent(here) && (await isEmpty(here)))) return 0;
    this.#sent.add(here);
    return syncPath(here, this.options.to, this.options.ssh ?? ['ssh'], there);
  }

  hasSent(here: string): boolean {
    return this.#sent.has(here);
  }
}

/** Nothing there is as good. */
export async function isEmpty(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return true;
  return found.isDirectory() ? (await readdir(path)).length === 0 : found.size === 0;
}
