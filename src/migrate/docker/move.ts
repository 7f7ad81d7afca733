// The source's part in moving a container of Docker: what is made at the destination beforehand, and what the container
// is loosened from in the freeze.
import { readdir } from 'node:fs/promises';
import type { AgentClient } from '../agent/client.js';
import type { Custody } from '../custody.js';
import { syncPath } from '../sync.js';
import type { TcpEnds } from '../tcp.js';
import type { MigrateOptions } from '../types.js';
import type { DockerContainer } from './container.js';
import { createBody } from './create.js';
import { copyImage } from './image.js';
import { loosen, type Ties, tie, tiesOf } from './networks.js';
import type { CreatedContainer, DockerPlace } from './place.js';
import type { DockerOrder } from './restore.js';

export class DockerMove {
  readonly #ties: Ties;
  #layerSent = false;

  private constructor(
    private readonly container: DockerContainer,
    private readonly created: CreatedContainer,
    private readonly options: MigrateOptions,
  ) {
    this.#ties = tiesOf(container);
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
      await copyImage(image, to, ssh);
    }
    const created = await agent.request('createContainer', { name, body: createBody(inspected, image) });
    for (const warning of created.warnings) warn(`${to}: ${warning}`);
    return new DockerMove(container, created, options);
  }

  /** Brings what the container has written to the same layer there. @returns bytes sent */
  async syncLayer(): Promise<number> {
    const { upper } = this.container;
    const place = this.created.upper;
    if (upper === undefined || place === undefined) return 0;
    // Most containers write nothing outside their volumes; one that has removed everything again must be looked at.
    if (!this.#layerSent && (await readdir(upper)).length === 0) return 0;
    this.#layerSent = true;
    const { to, ssh = ['ssh'] } = this.options;
    return syncPath(upper, to, ssh, place);
  }

  /** Addresses that are given up; empty: it is on no network of its own. */
  get addresses(): string[] {
    return this.container.addresses;
  }

  async leave(custody: Custody): Promise<void> {
    await custody.note({ ties: this.#ties });
    await loosen(this.#ties);
  }

  async comeBack(): Promise<void> {
    await tie(this.#ties);
  }

  order(connections: TcpEnds[]): DockerOrder {
    const isApart = this.container.networks.length > 0;
    return { id: this.created.id, connections: isApart ? connections : [] };
  }
}
