// The source's part in moving a container of Docker: what is made at the destination beforehand, and what the container
// is loosened from in the freeze.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentClient } from '../agent/client.js';
import type { Custody } from '../custody.js';
import { copyImage } from '../managed/image.js';
import type { ManagedMove } from '../managed/move.js';
import { SyncedPlaces } from '../managed/places.js';
import type { TcpEnds } from '../tcp.js';
import type { MigrateOptions } from '../types.js';
import type { DockerContainer } from './container.js';
import { createBody } from './create.js';
import { type DockerTies, loosen, tieDocker, tiesOf } from './networks.js';
import type { CreatedContainer, DockerPlace } from './place.js';
import type { DockerOrder } from './restore.js';

/** How long it is tried to connect a container again that runs here. */
const RETURN_TIMEOUT_MS = 120_000;
const RETRY_MS = 2000;

export class DockerMove implements ManagedMove {
  readonly #ties: DockerTies;
  readonly #places: SyncedPlaces;
  /** It may have been taken from its networks. */
  #isAway = false;

  private constructor(
    private readonly container: DockerContainer,
    private readonly created: CreatedContainer,
    options: MigrateOptions,
  ) {
    this.#ties = tiesOf(container);
    this.#places = new SyncedPlaces(options);
  }

  /** Makes the container there, which does not run yet; whoever undoes what the agent did removes it. */
  static async prepare(
    container: DockerContainer,
    place: DockerPlace,
    agent: AgentClient,
    options: MigrateOptions,
    warn: (problem: string) => void,
  ): Promise<DockerMove> {
    const { inspected, name } = container;
    const { to, ssh = ['ssh'] } = options;
    let { image } = place;
    if (image === undefined) {
      image = inspected.Config.Image;
      await copyImage('docker', image, to, ssh);
    }
    const created = await agent.request('createContainer', { name, body: createBody(inspected, image) });
    for (const warning of created.warnings) warn(`${to}: ${warning}`);
    return new DockerMove(container, created, options);
  }

  async sync(): Promise<number> {
    const { upper, inspected } = this.container;
    const written = await this.#places.send(upper, this.created.upper);
    return written + (await this.#places.send(inspected.LogPath, this.created.log));
  }

  get addresses(): string[] {
    return this.container.addresses;
  }

  get isApart(): boolean {
    return this.container.networks.length > 0;
  }

  async leave(custody: Custody): Promise<void> {
    await custody.note({ ties: this.#ties });
    this.#isAway = true;
    await loosen(this.#ties);
  }

  async comeBack(): Promise<void> {
    if (this.#isAway) await tieDocker(this.#ties);
    this.#isAway = false;
  }

  /** The swarm may take a while to know that the address is free. */
  async staysConnected(): Promise<void> {
    for (const deadline = Date.now() + RETURN_TIMEOUT_MS; ; await sleep(RETRY_MS)) {
      try {
        await this.comeBack();
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  }

  order(connections: TcpEnds[]): { docker: DockerOrder } {
    return { docker: { id: this.created.id, connections: this.isApart ? connections : [] } };
  }
}
