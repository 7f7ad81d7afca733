// A migration on a terminal.
import { freezeOf, limitOf, overlap } from './blackout.js';
import { byteCount, count, hex, percent, perSecond, seconds, table } from './format.js';
import type { Outcome } from './types.js';

/** Every phase with its host, when it began, how long it took, and how much of that the process was stopped. */
export function phaseTable(outcome: Outcome): string {
  const freeze = freezeOf(outcome);
  const rows = outcome.phases.map((phase) => {
    const { name, host, startMs, ms } = phase;
    const frozen = overlap(phase, freeze);
    return [
      name,
      outcome[host],
      seconds(startMs),
      seconds(ms),
      ...(freeze
        ? [frozen > 0 ? `${seconds(frozen)}  ${percent(frozen / (freeze.to - freeze.from))}` : '']
        : []),
    ];
  });
  return table(['PHASE', 'HOST', 'START', 'TIME', ...(freeze ? ['FROZEN'] : [])], rows);
}

/** The rounds of pre-copy; undefined where there was none. */
export function roundTable({ rounds = [] }: Outcome): string | undefined {
  if (rounds.length === 0) return undefined;
  return table(
    ['ROUND', 'TIME', 'SENT', 'PAGES', 'UNCHANGED', 'RATE', 'DIRTIED', 'PREDICTED'],
    rounds.map(({ round, ms, bytes, pages, unchanged, rate, dirtyRate, predictedMs }) => [
      round,
      seconds(ms),
      byteCount(bytes),
      pages,
      unchanged,
      perSecond(rate),
      dirtyRate === undefined ? '-' : `${Math.round(dirtyRate)} pages/s`,
      predictedMs === undefined ? '-' : seconds(predictedMs),
    ]),
  );
}

/** Objects that are named; `--json` has all of them. */
const NAMED = 4;

const some = (names: string[]): string =>
  names.length > NAMED ? `${names.length}: ${names.slice(0, NAMED).join(', ')}, …` : names.join(', ');

/** What moved, one line for each kind of object. */
export function objectLines({ objects, address }: Outcome): string[] {
  const { qp, mr, cq } = objects ?? { qp: [], mr: [], cq: 0 };
  const lines: string[] = [];
  if (qp.length > 0) {
    const names = qp.map(({ qpn, destQpn }) => (destQpn ? `${qpn} (peer ${destQpn})` : `${qpn}`));
    lines.push(`QPs          ${some(names)}`);
  }
  if (mr.length > 0)
    lines.push(`MRs          ${some(mr.map(({ lkey, rkey }) => `lkey ${hex(lkey)} rkey ${hex(rkey)}`))}`);
  if (cq > 0) lines.push(`CQs          ${cq}`);
  if (address) lines.push(`address      ${address.ip}: ${address.from} -> ${address.to}`);
  return lines;
}

/** How it crossed the link; undefined where nothing did. */
export function wireWords({ wire }: Outcome): string | undefined {
  if (!wire || wire.bytes === 0) return undefined;
  const { channel, asked, used, bytes, wireBytes, compressedBytes, unable, linkRate, compressRate, ratio } =
    wire;
  const how = {
    zstd: 'compressed by zstd',
    mixed: `of which ${byteCount(compressedBytes)} compressed by zstd`,
    none: 'not compressed',
  }[used];
  const measured = [
    linkRate === undefined ? 'the link kept up' : `the link took ${perSecond(linkRate)}`,
    ...(compressRate === undefined || ratio === undefined
      ? []
      : [`zstd ${perSecond(compressRate)} and left ${percent(ratio)}`]),
  ];
  const why = unable
    ? `: ${unable}`
    : asked === 'auto' && measured.length > 0
      ? `: ${measured.join(', ')}`
      : '';
  return `${byteCount(bytes)} as ${byteCount(wireBytes)} over ${channel}, ${how}${why}`;
}

/** The end of `roam migrate`, for a person. */
export function outcomeText(outcome: Outcome): string {
  const rounds = roundTable(outcome);
  const limit = limitOf(outcome);
  const wire = wireWords(outcome);
  const { comm, pid, source, destination, bytes, frozenMs, carried = [], restartedCalls = [] } = outcome;
  const { postCopy, images } = outcome;
  const freeze = freezeOf(outcome);
  return [
    ...(outcome.ok ? [`${comm} (pid ${pid}) moved from ${source} to ${destination}`] : []),
    '',
    phaseTable(outcome),
    '',
    ...(rounds ? [rounds, ''] : []),
    ...(freeze ? [`blackout     ${seconds(frozenMs ?? 0)} from the freeze until the tasks ran again`] : []),
    ...(limit ? [`limited by   ${limit}`] : []),
    ...(bytes ? [`bytes sent   ${byteCount(bytes)} in the freeze`] : []),
    ...(wire ? [`on the wire  ${wire}`] : []),
    ...(postCopy
      ? [`post-copy    ${byteCount(postCopy.bytes)} in ${seconds(postCopy.ms)} after the tasks ran again`]
      : []),
    ...objectLines(outcome),
    ...carried.map(({ path, bytes, reason }) => `carried      ${path} (${byteCount(bytes)}, ${reason})`),
    ...(restartedCalls.length > 0
      ? [`begun again  ${count(restartedCalls.length, 'sleeping system call')}`]
      : []),
    ...(images
      ? [`images       ${outcome.source}:${images.source}, ${outcome.destination}:${images.destination}`]
      : []),
    ...(outcome.ok ? [] : outcome.undone).map(
      ({ what, failure }) => `undone       ${what}${failure ? `: failed: ${failure}` : ''}`,
    ),
    ...outcome.warnings.map((warning) => `warning      ${warning}`),
  ].join('\n');
}
