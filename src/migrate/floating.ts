// How an address changes hosts while the processes that use it are frozen.

import { addAddress, announce, arpAnnouncer, type Cidr, removeAddress } from './address.js';
import type { AgentClient } from './agent/client.js';
import type { MigrationReport } from './types.js';

export class FloatingAddress {
  #left = false;

  constructor(
    private readonly cidr: Cidr,
    /** The device that holds it here. */
    private readonly dev: string,
    private readonly agent: AgentClient,
  ) {}

  /** Takes the address away here and adds it there; `device` names the device there. */
  async move(here: string, there: string, device?: string): Promise<NonNullable<MigrationReport['address']>> {
    this.#left = true;
    await removeAddress(this.cidr, this.dev);
    const taken = await this.agent.request('takeAddress', {
      address: this.cidr,
      ...(device ? { dev: device } : {}),
    });
    return {
      ip: `${this.cidr.ip}/${this.cidr.prefix}`,
      from: `${here}:${this.dev}`,
      to: `${there}:${taken.dev}`,
    };
  }

  /** Undoes `move`, once the destination has given the address up; until then two hosts would answer for it. */
  async takeBack(): Promise<void> {
    if (!this.#left) return;
    await addAddress(this.cidr, this.dev);
    const announcer = await arpAnnouncer();
    if (announcer) await announce(this.cidr, this.dev, announcer);
  }
}
