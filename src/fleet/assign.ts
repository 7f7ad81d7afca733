import { RoamError } from '../errors.js';
import { ask } from './hosts.js';
import { nodes } from './nodes.js';
import { type NumberedHost, planSlots } from './slots.js';
import type { AssignOptions, AssignReport, FleetNode } from './types.js';

/**
 * Gives each host a range of its own for the numbers of new RDMA objects, for good. All hosts of the fleet are to be
 * named: who is not asked may have a range that is given to another.
 *
 * @throws RoamError RANGES_UNKNOWN, RANGES_UNSUPPORTED, RANGES_OVERLAP, RANGES_EXHAUSTED before anything is changed
 */
export async function assignRanges(hosts: string[], options: AssignOptions = {}): Promise<AssignReport> {
  const { slots, anew = false, dryRun = false } = options;
  const numbered = oncePerHost(await nodes(hosts, options)).map(numbersOf);
  const { assignments, warnings } = planSlots(numbered, { anew, ...(slots === undefined ? {} : { slots }) });
  // Also those that keep theirs: a range that was set by hand is to last too.
  if (!dryRun) for (const { host, ranges } of assignments) await ask(host, 'setRanges', { ranges }, options);
  return { ok: true, applied: !dryRun, assignments, warnings };
}

/** Two names of one host must not give it two ranges. */
function oncePerHost(found: FleetNode[]): FleetNode[] {
  const seen = new Map<string, string>();
  for (const node of found) {
    if (!node.ok) continue;
    const { hostname, addresses } = node.facts;
    const key = [hostname, ...addresses.filter(({ dev }) => dev !== 'lo').map(({ ip }) => ip)].join();
    const first = seen.get(key);
    if (first !== undefined)
      throw new RoamError('SAME_HOST', `${first} and ${node.host} are the same host`, {
        remedy: 'name it once',
      });
    seen.set(key, node.host);
  }
  return found;
}

function numbersOf(node: FleetNode): NumberedHost {
  if (!node.ok)
    throw new RoamError(
      'RANGES_UNKNOWN',
      `${node.host} does not answer, and which range it has is not known: ${node.error.message}`,
      { remedy: 'make it answer, or leave it out and give it a range before anything moves there' },
    );
  const { ranges, qpns, mrKeys } = node.facts;
  if (!ranges)
    throw new RoamError(
      'RANGES_UNSUPPORTED',
      `the rdma_rxe module of ${node.host} has no ranges of numbers`,
      {
        remedy: `load the rdma_rxe of this version of roam-rdma on ${node.host}, or leave it out`,
      },
    );
  return {
    host: node.host,
    ranges,
    // The kernel's own are made with the device, and go nowhere.
    qpns: qpns.filter(({ pid }) => pid > 0).map(({ qpn }) => qpn),
    mrns: mrKeys.filter(({ pid }) => pid > 0).map(({ key }) => key >>> 8),
  };
}
