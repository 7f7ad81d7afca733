// How an address changes hosts while the processes that use it are frozen.

import { addAddress, announce, arpAnnouncer, type Cidr, removeAddress } from './address.js';
import type { AgentClient } from './agent/client.js';
import { addRoutes } from './netns/routes.js';
import type { SourceFacts } from './source.js';
import type { MigrationReport } from './types.js';

/** An address that moves, and the device that holds it here. */
export interface FloatingFacts {
  cidr: Cidr;
  dev: string;
  /** Path of the network namespace that both are in, on either host; absent: the host's own. */
  netns?: string;
  /** By the device, in a namespace: the kernel forgets them with the last address of a device. */
  routes?: string[];
}

/** undefined: none moves. */
export function floatingFacts({ address, inside }: SourceFacts): FloatingFacts | undefined {
  if (inside?.address && inside.path) return { ...inside.address, netns: inside.path };
  return address?.dev ? { cidr: address.cidr, dev: address.dev } : undefined;
}

export class FloatingAddress {
  #left = false;

  constructor(
    private readonly facts: FloatingFacts,
    private readonly agent: AgentClient,
    private readonly warn: (problem: string) => void,
  ) {}

  /** RDMA goes by it: only addresses of the host are those of its device. */
  get isRdma(): boolean {
    return this.facts.netns === undefined;
  }

  /** Takes the address away here and adds it there; `device` names the device there. */
  async move(here: string, there: string, device?: string): Promise<NonNullable<MigrationReport['address']>> {
    const { cidr, dev, netns, routes = [] } = this.facts;
    this.#left = true;
    await removeAddress(cidr, dev, netns);
    const taken = await this.agent.request('takeAddress', {
      address: cidr,
      ...(device ? { dev: device } : {}),
      ...(netns === undefined ? {} : { inside: { netns, dev, routes } }),
    });
    for (const problem of taken.problems) this.warn(`${there}: ${problem}`);
    return {
      ip: `${cidr.ip}/${cidr.prefix}`,
      from: `${here}:${dev}`,
      to: `${there}:${taken.dev}`,
      ...(netns === undefined ? {} : { netns }),
    };
  }

  /** Undoes `move`, once the destination has given the address up; until then two hosts would answer for it. */
  async takeBack(): Promise<void> {
    if (!this.#left) return;
    const { cidr, dev, netns, routes = [] } = this.facts;
    await addAddress(cidr, dev, netns);
    const { problems } = await addRoutes(netns, dev, cidr, routes);
    for (const problem of problems) this.warn(problem);
    const announcer = await arpAnnouncer();
    if (announcer) await announce(cidr, dev, announcer, netns);
  }
}
