// What Podman itself writes down of a container, for another Podman to make the same one from. Its commands give that
// away with a checkpoint only: it is asked for one of the container as it runs, in which CRIU has nothing to do.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedCriu } from '../managed/criu.js';
import { run } from '../run.js';
import { podmanBeforeCriu } from './before-criu.js';
import type { PodmanContainer } from './container.js';

/** Names in Podman's archive. */
export const CONFIG_FILE = 'config.dump';
export const SPEC_FILE = 'spec.dump';

/** Texts of the two files; both are JSON, and nobody else's to read. */
export interface Description {
  config: string;
  spec: string;
}

/**
 * @param dir Of the migration here: what an engine leaves there that is killed is removed with it.
 * @throws PodmanError
 */
export async function describePodman(
  { inspected, name }: PodmanContainer,
  criu: string,
  dir: string,
): Promise<Description> {
  const place = join(dir, 'podman');
  await mkdir(place, { mode: 0o700 });
  const archive = join(place, 'archive.tar');
  try {
    await using asked = await ManagedCriu.await(inspected.Id, criu);
    const contents = ['--ignore-rootfs', '--ignore-volumes', '--compress', 'none'];
    const exporting = podmanBeforeCriu(
      // By its name: the script knows a runtime by the id at the end of its words.
      ['container', 'checkpoint', '--leave-running', ...contents, '--export', archive, name],
      place,
    );
    await Promise.race([asked.pretend(), exporting]);
    await exporting;
    const read = (file: string) => run('tar', ['--extract', '--to-stdout', '--file', archive, file]);
    return { config: await read(CONFIG_FILE), spec: await read(SPEC_FILE) };
  } finally {
    await rm(place, { recursive: true });
  }
}
