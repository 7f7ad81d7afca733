// bench/results/game.json and the table of docs/game.md: each leg of the journey beside that of the article.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { MigrationReport } from '../../../dist/index.js';
import { type Place, ROUND_TRIP } from './game.js';

const RESULTS = fileURLToPath(new URL('../../../bench/results/game.json', import.meta.url));
const PAGE = fileURLToPath(new URL('../../../docs/game.md', import.meta.url));
const MARKS = ['<!-- journey -->', '<!-- end of journey -->'] as const;

export interface Leg {
  from: Place;
  to: Place;
  way: string;
  /** Sent while the server ran, in bytes and milliseconds. */
  ahead?: { bytes: number; ms: number };
  /** Sent in the freeze. */
  bytes: number;
  frozenMs: number;
  /** The longest time without a packet of the server, at the client. */
  silentMs: number;
  /** Sent when the server ran again. */
  behind?: { bytes: number; ms: number };
  /** From the client's node to the server afterwards. */
  pingMs: number;
}

type Article = {
  ahead?: [mb: number, s: number];
  dumpS: number;
  mb: number;
  transferS: number;
  pingMs?: number;
};

/** Of "Container Migration Around The World" (A. Reber, 2017), by way and leg. */
const ARTICLE: Record<string, Article> = {
  'all memory in the freeze a b': { dumpS: 0.58, mb: 366, transferS: 0.17 },
  'pre-copy a b': { ahead: [351, 22.95], dumpS: 0.15, mb: 20, transferS: 1.09, pingMs: 50 },
  'pre-copy b c': { ahead: [351, 7.39], dumpS: 0.23, mb: 21, transferS: 1.36, pingMs: 133 },
  'pre-copy c d': { ahead: [351, 11.75], dumpS: 0.19, mb: 21, transferS: 3.15, pingMs: 283 },
  'pre-copy d b': { ahead: [351, 13.76], dumpS: 0.59, mb: 21, transferS: 3.88, pingMs: 50 },
  'pre-copy and post-copy a b': { ahead: [351, 0.1], dumpS: 0.08, mb: 0.2, transferS: 0.15 },
};

export function legOf(
  leg: Pick<Leg, 'from' | 'to' | 'way' | 'silentMs' | 'pingMs'>,
  { rounds, bytes, frozenMs, postCopy }: MigrationReport,
): Leg {
  const sum = (of: 'bytes' | 'ms') =>
    Math.round((rounds ?? []).reduce((total, round) => total + round[of], 0));
  return {
    ...leg,
    ...(rounds ? { ahead: { bytes: sum('bytes'), ms: sum('ms') } } : {}),
    bytes,
    frozenMs,
    ...(postCopy ? { behind: { bytes: postCopy.bytes, ms: postCopy.ms } } : {}),
  };
}

const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const sent = (part: { bytes: number; ms: number } | undefined): string =>
  part ? `${mega(part.bytes)}, ${seconds(part.ms)}` : '';

function theirs({ way, from, to }: Leg): string {
  const found = ARTICLE[`${way} ${from} ${to}`];
  if (!found) return '';
  const { ahead, dumpS, mb, transferS, pingMs } = found;
  const first = ahead ? `${ahead[0]} MB, ${ahead[1]} s; ` : '';
  const last = pingMs ? `; ping ${pingMs} ms` : '';
  return `${first}${dumpS} s dump, ${mb} MB, ${transferS} s${last}`;
}

/** Puts the figures where they are kept. */
export async function recordJourney(legs: Leg[]): Promise<void> {
  await writeFile(RESULTS, `${JSON.stringify({ subject: 'game', results: legs }, undefined, 2)}\n`);
  const table = [
    row('way', 'leg', 'before', 'in the freeze', 'frozen', 'silence', 'after', 'ping', 'the article'),
    row(...Array(9).fill('---')),
    ...legs.map((leg) =>
      row(
        leg.way,
        `${leg.from} to ${leg.to} (${ROUND_TRIP[leg.to]} ms)`,
        sent(leg.ahead),
        mega(leg.bytes),
        seconds(leg.frozenMs),
        seconds(leg.silentMs),
        sent(leg.behind),
        `${leg.pingMs} ms`,
        theirs(leg),
      ),
    ),
  ].join('\n');
  const page = await readFile(PAGE, 'utf8');
  const [head, rest = ''] = page.split(MARKS[0]);
  const tail = rest.split(MARKS[1])[1];
  if (tail === undefined) throw new Error(`${PAGE} has no ${MARKS.join(' … ')}`);
  await writeFile(PAGE, `${head}${MARKS[0]}\n${table}\n${MARKS[1]}${tail}`);
}
