import { setTimeout as sleep } from 'node:timers/promises';
import { type DockerError, docker } from './api.js';

const TRIES = 50;

/** Kills what is left of a container and removes Docker's record of it, but no volumes. None is as good. */
export async function removeContainer(id: string): Promise<void> {
  for (let left = TRIES; ; left--) {
    try {
      await docker('DELETE', `/containers/${id}?force=true`);
      return;
    } catch (error) {
      const { status } = error as DockerError;
      if (status === 404) return;
      // It is on its way out already.
      if (status !== 409 || left === 0) throw error;
      await sleep(200);
    }
  }
}
