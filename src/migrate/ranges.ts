// The numbers that a host gives to new RDMA objects, so that those of two hosts never meet.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { RoamError } from '../errors.js';
import { Findings } from './findings.js';
import type { Finding } from './types.js';

/** First and last number. */
export type NumberRange = readonly [first: number, last: number];

/** Numbers of QPs, MRs, memory windows, SRQs and AHs. */
export const NUMBERS = ['qpn', 'mrn', 'mwn', 'srqn', 'ahn'] as const;

export type NumberKind = (typeof NUMBERS)[number];

export type NumberRanges = Record<NumberKind, NumberRange>;

/** Every number that rxe has of each kind: what a host gives out that has no range of its own. */
export const ALL_NUMBERS: NumberRanges = {
  qpn: [16, 0x100000],
  mrn: [1, 0x80000],
  mwn: [0x80001, 0x100000],
  srqn: [0x20001, 0x100000],
  ahn: [1, 0x7fff],
};

export const NUMBER_NAMES: Record<NumberKind, string> = {
  qpn: 'QPNs',
  mrn: 'MR keys',
  mwn: 'memory window keys',
  srqn: 'SRQ numbers',
  ahn: 'AH numbers',
};

const SYSCTLS = '/proc/sys/net/rdma_rxe';
const SYSCTL_FILE = '/etc/sysctl.d/90-roam.conf';
const UDEV_FILE = '/etc/udev/rules.d/90-roam.rules';

/** The sysctls are there only while the module is loaded: at boot it usually comes after them. */
const UDEV_RULE = `# Written by roam: the numbers of this host's RDMA objects, each time that the module is loaded.
ACTION=="add", SUBSYSTEM=="module", KERNEL=="rdma_rxe", RUN+="/sbin/sysctl --quiet --load=${SYSCTL_FILE}"
`;

export const overlap = (a: NumberRange, b: NumberRange): boolean => a[0] <= b[1] && b[0] <= a[1];

export const isWithin = (number: number, [first, last]: NumberRange): boolean =>
  number >= first && number <= last;

/** Whether a host gives out every number, because nobody gave it a range. */
export const isUnassigned = (ranges: NumberRanges): boolean =>
  NUMBERS.every((kind) => ranges[kind].join() === ALL_NUMBERS[kind].join());

/** `16 1048576`. */
export function parseRange(text: string): NumberRange | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s*$/.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

/** Those of this host; undefined: its module is the stock one, or too old, or not loaded. */
export async function readRanges(): Promise<NumberRanges | undefined> {
  const found = await Promise.all(
    NUMBERS.map(async (kind) => {
      const range = parseRange(await readFile(`${SYSCTLS}/${kind}_range`, 'utf8').catch(() => ''));
      return range && ([kind, range] as const);
    }),
  );
  return found.includes(undefined)
    ? undefined
    : (Object.fromEntries(found.filter((entry) => entry !== undefined)) as NumberRanges);
}

export const sysctlFile = (ranges: NumberRanges): string =>
  [
    '# Written by roam nodes --assign-ranges: the numbers that this host gives to new RDMA objects.',
    '# Hosts between which processes move need ranges that do not overlap.',
    ...NUMBERS.map((kind) => `-net.rdma_rxe.${kind}_range = ${ranges[kind].join(' ')}`),
    '',
  ].join('\n');

/**
 * Gives this host its ranges, now and whenever the module is loaded again. Objects that are there keep their numbers.
 *
 * @throws RoamError RANGES_UNSUPPORTED, RANGE_REFUSED
 */
export async function setRanges(ranges: NumberRanges): Promise<void> {
  if (!(await readRanges()))
    throw new RoamError('RANGES_UNSUPPORTED', 'the rdma_rxe module has no ranges of numbers', {
      remedy: 'load the rdma_rxe of this version of roam-rdma',
    });
  for (const kind of NUMBERS) {
    const range = ranges[kind].join(' ');
    await writeFile(`${SYSCTLS}/${kind}_range`, `${range}\n`).catch((cause: Error) => {
      throw new RoamError('RANGE_REFUSED', `net.rdma_rxe.${kind}_range does not take ${range}`, { cause });
    });
  }
  for (const [path, text] of [
    [SYSCTL_FILE, sysctlFile(ranges)],
    [UDEV_FILE, UDEV_RULE],
  ] as const) {
    await mkdir(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    await writeFile(path, text);
  }
}

/** Whether two hosts may give the same number to different objects. */
export function judgeRanges(
  own: NumberRanges | undefined,
  host: string,
  theirs: NumberRanges | undefined,
): Finding[] {
  const found = new Findings(host);
  if (!own || !theirs) return found.list;
  const shared = NUMBERS.filter((kind) => overlap(own[kind], theirs[kind]));
  if (shared.length > 0) {
    const [kind] = shared as [NumberKind];
    const [first, last] = [Math.max(own[kind][0], theirs[kind][0]), Math.min(own[kind][1], theirs[kind][1])];
    found.info(
      'RANGES_OVERLAP',
      `both hosts give out ${shared.map((name) => NUMBER_NAMES[name]).join(', ')} from the same range (${NUMBER_NAMES[kind]} ${first} to ${last}): what one has in use, the other may need for a process that comes`,
      'roam nodes --assign-ranges HOST HOST…',
    );
  }
  return found.list;
}
