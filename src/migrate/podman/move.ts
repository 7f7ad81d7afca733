// The source's part in moving a container of Podman.
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentClient } from '../agent/client.js';
import type { Custody } from '../custody.js';
import { copyImage } from '../docker/image.js';
import type { ManagedMove } from '../managed.js';
import { run } from '../run.js';
import { syncPath } from '../sync.js';
import type { MigrateOptions } from '../types.js';
import type { PodmanContainer } from './container.js';
import { describePodman } from './describe.js';
import type { PodmanCreated, PodmanPlace } from './place.js';
import type { PodmanOrder } from './restore.js';
import { loosenPodman, type PodmanTies, tiePodman, tiesOfPodman } from './ties.js';

/** Podman unpacks it over the new /dev/shm, and removes it. */
const SHM_ARCHIVE = 'devshm-checkpoint.tar';

export interface Prepared {
  container: PodmanContainer;
  place: PodmanPlace;
  agent: AgentClient;
  options: MigrateOptions;
  /** The real one. */
  criu: string;
  /** Directory of the migration here. */
  dir: string;
}

export class PodmanMove implements ManagedMove {
  /** It is on the network of the host. */
  readonly addresses = [];
  readonly isApart = false;
  readonly #ties: PodmanTies;
  readonly #sent = new Set<string>();
  #isLoose = false;

  private constructor(
    private readonly container: PodmanContainer,
    private readonly created: PodmanCreated,
    private readonly options: MigrateOptions,
    private readonly dir: string,
  ) {
    this.#ties = tiesOfPodman(container.inspected);
  }

  /** Makes the container there, which does not run yet; whoever undoes what the agent did removes it. */
  static async prepare({ container, place, agent, options, criu, dir }: Prepared): Promise<PodmanMove> {
    const { inspected, name } = container;
    const { to, ssh = ['ssh'] } = options;
    if (place.image === undefined) await copyImage('podman', inspected.ImageName, to, ssh);
    const description = await describePodman(container, criu);
    const bundleConfig = await readFile(`${inspected.StaticDir}/config.json`, 'utf8');
    const draft = { id: inspected.Id, name, description, bundleConfig };
    return new PodmanMove(container, await agent.request('createPodman', draft), options, dir);
  }

  async sync(): Promise<number> {
    const { upper, inspected } = this.container;
    let bytes = await this.#send(upper, this.created.upper);
    if (inspected.HostConfig.LogConfig.Type === 'k8s-file')
      bytes += await this.#send(inspected.HostConfig.LogConfig.Path, this.created.log);
    const shm = `${inspected.StaticDir}/shm`;
    const archive = join(this.dir, SHM_ARCHIVE);
    if (!(await isEmpty(shm)) || this.#sent.has(archive)) {
      await run('tar', ['--create', '--xattrs', '--file', archive, '--directory', shm, '.']);
      bytes += await this.#send(archive, `${this.created.bundle}/${SHM_ARCHIVE}`);
      await rm(archive);
    }
    return bytes;
  }

  async leave(custody: Custody): Promise<void> {
    await custody.note({ ties: this.#ties });
    this.#isLoose = true;
    await loosenPodman(this.#ties);
  }

  async comeBack(): Promise<void> {
    if (this.#isLoose) await tiePodman(this.#ties);
    this.#isLoose = false;
  }

  staysConnected(): Promise<void> {
    return this.comeBack();
  }

  order(): { podman: PodmanOrder } {
    return { podman: { id: this.container.inspected.Id, bundle: this.created.bundle } };
  }

  /** Most containers write nothing outside their volumes; one that has removed everything again must be looked at. */
  async #send(here: string | undefined, there: string): Promise<number> {
    if (!here || (!this.#sent.has(here) && (await isEmpty(here)))) return 0;
    this.#sent.add(here);
    return syncPath(here, this.options.to, this.options.ssh ?? ['ssh'], there);
  }
}

/** Nothing there is as good. */
async function isEmpty(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return true;
  return found.isDirectory() ? (await readdir(path)).length === 0 : found.size === 0;
}
