// QPs whose peers nobody tells where they went: only RC has a Resume.
import type { HostFacts } from './agent/protocol.js';
import { Findings } from './findings.js';
import type { SourceFacts } from './source.js';
import type { Finding } from './types.js';

/** UC and UD QPs whose peers would go on sending to an address that stays behind. */
export function judgeUnreliable(source: SourceFacts, destination: HostFacts): Finding[] {
  const there = new Set(destination.addresses.map(({ ip }) => ip));
  const moving = source.address?.cidr.ip;
  const found = new Findings(source.hostname);
  for (const { qpn, type, address } of source.rdma.unreliable ?? []) {
    if (address === undefined) {
      if (!moving)
        found.warning(
          'ADDRESS_STAYS',
          `peers of the ${type} QP ${qpn} go on sending to an address that stays here`,
          'move that address too (--ip ADDRESS/PREFIX), or have the program tell them its new one',
        );
    } else if (address !== moving && !there.has(address))
      found.error(
        'ADDRESS_STAYS',
        `the peer of the ${type} QP ${qpn} goes on sending to ${address}, an address that stays here`,
        `move it too (--ip ${address}/PREFIX)`,
      );
  }
  return found.list;
}
