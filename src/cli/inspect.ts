// `roam inspect`: what is in a directory of images, or what has changed between two.
import type { Command } from 'commander';
import {
  compareImages,
  type ImageContext,
  type ImageDifference,
  type ImageProcess,
  type ImageReport,
  inspectImages,
} from '../inspect/index.js';
import { count, hex } from '../report/format.js';
import { byteCount, fail, printJson, table } from './output.js';

const EXAMPLES = `
Examples:
  roam inspect /dev/shm/roam-a-1234-m1x2y3z4           what \`roam migrate --keep-images\` has left
  roam inspect /srv/images --json
  roam inspect /srv/before /srv/after                  objects added, removed and changed
`;

export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .argument('<dir>', 'directory of CRIU images, or of a migration whose images were kept')
    .argument('[other]', 'a second one: show what is different there')
    .option('--json', 'print JSON')
    .description('show the processes and RDMA objects in a directory of images; nothing is changed')
    .addHelpText('after', EXAMPLES)
    .action(async (dir: string, other: string | undefined, { json = false }: { json?: boolean }) => {
      try {
        const report = await inspectImages(dir);
        const result = other === undefined ? report : compareImages(report, await inspectImages(other));
        if (json) printJson(result);
        else process.stdout.write(`${'changed' in result ? differenceText(result) : reportText(result)}\n`);
      } catch (error) {
        fail(error, json);
      }
    });
}

export function reportText({ dir, imageVersion, rounds, processes, contexts }: ImageReport): string {
  const before = rounds.length > 0 ? `, ${count(rounds.length, 'round')} of pre-copy beside it` : '';
  return [
    `${dir}: ${count(processes.length, 'process', 'processes')}, ${count(contexts.length, 'verbs context')} (CRIU images of version ${imageVersion})${before}`,
    '',
    table(
      ['PID', 'PPID', 'COMMAND', 'THREADS', 'MAPPED', 'PAGES HERE', 'IN PARENT', 'LAZY'],
      processes.map(processRow),
    ),
    ...contexts.flatMap(contextLines),
  ].join('\n');
}

function processRow({ pid, ppid, comm, threads, memory }: ImageProcess): (string | number)[] {
  const { present = '-', inParent = '-', lazy = '-' } = memory?.pages ?? {};
  return [pid, ppid, comm, threads.length, memory ? byteCount(memory.mapped) : '-', present, inParent, lazy];
}

function contextLines(context: ImageContext): string[] {
  const { name, device, uverbs, pds, channels, asyncFiles } = context;
  const watch = context.watch.length > 0 ? `; it watches ${context.watch.join(' and ')}` : '';
  const unread = [...channels, ...asyncFiles].reduce((sum, file) => sum + file.unread.length, 0);
  const events = unread > 0 ? `; ${count(unread, 'unread async event')}` : '';
  const tables = [...qpTables(context), ...memoryTables(context), ...otherTables(context)];
  return [
    '',
    `${name}: ${device} (${uverbs}), ${count(pds.length, 'PD')}, ${count(channels.length, 'completion channel')}${watch}${events}`,
    ...tables.filter(({ rows }) => rows.length > 0).flatMap(({ head, rows }) => ['', table(head, rows)]),
  ];
}

interface Table {
  head: string[];
  rows: (string | number)[][];
}

const full = (n: number | null, depth: number): string => `${n ?? '?'}/${depth}`;

/** QPs, and the queues that they share. */
function qpTables({ qps, srqs }: ImageContext): Table[] {
  return [
    {
      head: [
        'QPN',
        'TYPE',
        'STATE',
        'MIGRATION',
        'PEER',
        'REQ',
        'COMP',
        'RESP',
        'MSN',
        'SEND',
        'RECV',
        'EPOCH',
        'PEER EPOCH',
        'SGID',
        'DGID',
      ],
      rows: qps.map((qp) => [
        qp.qpn,
        qp.type,
        qp.state,
        qp.migrationState,
        qp.destQpn || '-',
        qp.psn.req,
        qp.psn.comp,
        qp.psn.resp,
        qp.msn,
        full(qp.send.posted, qp.send.depth),
        qp.srq === undefined ? full(qp.recv.posted, qp.recv.depth) : `SRQ ${qp.srq}`,
        qp.epoch,
        qp.peerEpoch,
        gidOrNone(qp.sgid),
        // One that is not connected may be in multicast groups.
        (qp.destQpn === 0 && qp.groups?.join(' ')) || gidOrNone(qp.dgid),
      ]),
    },
    {
      head: ['SRQ', 'NUMBER', 'PD', 'RECV', 'LIMIT'],
      rows: srqs.map((srq) => [
        srq.handle,
        srq.number,
        srq.pd,
        full(srq.posted, srq.depth),
        srq.limit || '-',
      ]),
    },
  ];
}

/** A QP that is not connected, as one of UD, has GIDs of zeros. */
const gidOrNone = (gid: string): string => (gid === '::' ? '-' : gid);

function memoryTables({ mrs, mws }: ImageContext): Table[] {
  return [
    {
      head: ['LKEY', 'RKEY', 'PD', 'START', 'LENGTH', 'ACCESS'],
      rows: mrs.map((mr) => [
        hex(mr.lkey),
        hex(mr.rkey),
        mr.pd,
        mr.start,
        byteCount(mr.length),
        mr.access.join(' '),
      ]),
    },
    {
      head: ['MW', 'RKEY', 'PD', 'TYPE', 'STATE', 'MR', 'QPN', 'START', 'LENGTH', 'ACCESS'],
      rows: mws.map((mw) => [
        mw.handle,
        hex(mw.rkey),
        mw.pd,
        mw.type,
        mw.state,
        mw.mrLkey === undefined ? '-' : hex(mw.mrLkey),
        mw.qpn ?? '-',
        mw.addr,
        byteCount(mw.length),
        mw.access.join(' '),
      ]),
    },
  ];
}

function otherTables({ cqs, ahs }: ImageContext): Table[] {
  return [
    {
      head: ['CQ', 'COMPLETIONS', 'ARMED', 'CHANNEL', 'UNREAD'],
      rows: cqs.map((cq) => [
        cq.handle,
        full(cq.completions, cq.depth),
        cq.armed,
        cq.channel ?? '-',
        cq.unreadEvents,
      ]),
    },
    {
      head: ['AH', 'NUMBER', 'PD', 'SGID INDEX', 'SGID', 'DGID'],
      rows: ahs.map((ah) => [ah.handle, ah.number, ah.pd, ah.sgidIndex, ah.sgid, ah.dgid]),
    },
  ];
}

const valueText = (value: unknown): string =>
  value === null ? '-' : typeof value === 'object' ? JSON.stringify(value) : String(value);

export function differenceText({ before, after, added, removed, changed }: ImageDifference): string {
  const lines = [`${before} -> ${after}`];
  if (added.length + removed.length + changed.length === 0) lines.push('no difference');
  for (const { kind, name } of removed) lines.push(`removed  ${kind} ${name}`);
  for (const { kind, name } of added) lines.push(`added    ${kind} ${name}`);
  if (changed.length > 0)
    lines.push(
      '',
      table(
        ['OBJECT', 'FIELD', 'BEFORE', 'AFTER'],
        changed.map((change) => [
          `${change.kind} ${change.name}`,
          change.field,
          valueText(change.before),
          valueText(change.after),
        ]),
      ),
    );
  return lines.join('\n');
}
