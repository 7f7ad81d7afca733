// What one post and one completion cost in JavaScript, beside the same in C.
import { fileURLToPath } from 'node:url';
import type { Lab } from 'roam-rdma';
import { columns } from './columns.js';
import { oneProcessor } from './perf.js';
import { median, spread } from './statistics.js';

const SOURCES = fileURLToPath(new URL('../../bench/cost', import.meta.url));
/** Below it, Node finds the package. */
const THERE = '/usr/lib/roam-cost';
const TIMEOUT = 180_000;
/** Room enough that nothing is collected while the heap is measured. */
const NODE_FLAGS = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'];

type Calls = { post: number; poll: number };
interface Measured {
  single: Calls;
  batch: Calls;
  together: { calls: number; round?: number };
  batches: { time: number; bytes?: number };
  promises?: { time: number; bytes: number };
}

/** Nanoseconds, and bytes of the heap, for one request. */
export interface Cost {
  what: string;
  unit: 'ns' | 'bytes';
  c?: { median: number; spread: number };
  node: { median: number; spread: number };
}

const rows: [string, Cost['unit'], (one: Measured) => number | undefined][] = [
  ['post, one at a time', 'ns', ({ single }) => single.post],
  ['completion, one at a time', 'ns', ({ single }) => single.poll],
  ['post, 32 by one call', 'ns', ({ batch }) => batch.post],
  ['completion, 32 by one call', 'ns', ({ batch }) => batch.poll],
  ['post and poll, by two calls', 'ns', ({ together }) => together.calls],
  // In C there is no round: it is what these two calls cost.
  ['post and poll, by a round', 'ns', ({ together }) => together.round ?? together.calls],
  ['WRITE of 64 bytes, in batches of 32', 'ns', ({ batches }) => batches.time],
  ['WRITE of 64 bytes, await qp.send()', 'ns', ({ promises }) => promises?.time],
  ['heap, in batches', 'bytes', ({ batches }) => batches.bytes],
  ['heap, await qp.send()', 'bytes', ({ promises }) => promises?.bytes],
];

export async function measureCost(lab: Lab, rounds: number, say: (text: string) => void): Promise<Cost[]> {
  await oneProcessor(lab);
  const a = lab.node('a');
  await a.exec(['rm', '-rf', THERE]);
  await a.push(SOURCES, THERE);
  await a.exec(['gcc', '-O2', '-o', `${THERE}/cost`, `${THERE}/cost.c`, '-libverbs'], { timeout: TIMEOUT });
  const run = async (argv: string[]) =>
    JSON.parse((await a.exec(argv, { timeout: TIMEOUT })).stdout) as Measured;
  const c: Measured[] = [];
  const node: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    c.push(await run([`${THERE}/cost`]));
    node.push(await run(['node', ...NODE_FLAGS, `${THERE}/cost.mjs`]));
    say(`round ${round + 1} of ${rounds}: ${JSON.stringify({ c: c.at(-1), node: node.at(-1) })}`);
  }
  const sum = (list: number[]) => ({ median: median(list), spread: median(list) === 0 ? 0 : spread(list) });
  return rows.map(([what, unit, pick]) => {
    const there = (list: Measured[]) => list.map(pick).filter((value) => value !== undefined);
    const inC = there(c);
    return { what, unit, ...(inC.length > 0 ? { c: sum(inC) } : {}), node: sum(there(node)) };
  });
}

export function costTable(costs: Cost[]): string {
  const cell = (one?: { median: number; spread: number }) =>
    one === undefined ? '' : `${one.median}${one.median === 0 ? '' : ` ±${(one.spread * 100).toFixed(0)} %`}`;
  return columns([
    ['for one request', 'unit', 'C', 'Node', 'ratio'],
    ...costs.map(({ what, unit, c, node }) => [
      ...[what, unit, cell(c), cell(node), c === undefined ? '' : (node.median / c.median).toFixed(2)],
    ]),
  ]);
}
