// The source's part in moving a container of Podman.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentClient } from '../agent/client.js';
import type { Custody } from '../custody.js';
import { copyImage } from '../managed/image.js';
import type { ManagedMove } from '../managed/move.js';
import { isEmpty, SyncedPlaces } from '../managed/places.js';
import { run } from '../run.js';
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
  readonly #places: SyncedPlaces;
  #isLoose = false;

  private constructor(
    private readonly container: PodmanContainer,
    private readonly created: PodmanCreated,
    options: MigrateOptions,
    private readonly dir: string,
  ) {
    this.#places = new SyncedPlaces(options);
    this.#ties = tiesOfPodman(container.inspected);
  }

  /** Makes the container there, which does not run yet; whoever undoes what the agent did removes it. */
  static async prepare({ container, place, agent, options, criu, dir }: Prepared): Promise<PodmanMove> {
    const { inspected, name } = container;
    const { to, ssh = ['ssh'] } = options;
    if (place.image === undefined) await copyImage('podman', inspected.ImageName, to, ssh);
    const description = await describePodman(container, criu, dir);
    const bundleConfig = await readFile(`${inspected.StaticDir}/config.json`, 'utf8');
    const draft = { id: inspected.Id, name, description, bundleConfig };
    return new PodmanMove(container, await agent.request('createPodman', draft), options, dir);
  }

  async sync(): Promise<number> {
    const { upper, inspected } = this.container;
    let bytes = await this.#places.send(upper, this.created.upper);
    if (inspected.HostConfig.LogConfig.Type === 'k8s-file')
      bytes += await this.#places.send(inspected.HostConfig.LogConfig.Path, this.created.log);
    const shm = `${inspected.StaticDir}/shm`;
    const archive = join(this.dir, SHM_ARCHIVE);
    if (!(await isEmpty(shm)) || this.#places.hasSent(archive)) {
      await run('tar', ['--create', '--xattrs', '--file', archive, '--directory', shm, '.']);
      bytes += await this.#places.send(archive, `${this.created.bundle}/${SHM_ARCHIVE}`);
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
}
