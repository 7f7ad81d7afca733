// perftest's own layout, to the column: scripts that read ib_send_bw read this.
import { gidBytes } from '../verbs/gid.js';
import type { Key } from './peer.js';
import type { Resources } from './resources.js';
import type { BandwidthRow, LatencyDurationRow, LatencyRow, PerfRow, Settled } from './types.js';

export const LINE = '-'.repeat(87);

const left = (value: number | string, width: number) => String(value).padEnd(width);
const fixed = (value: number, digits: number, width: number) => left(value.toFixed(digits), width);

export function title({ verb, latency, bidirectional, atomicType }: Settled): string {
  const operation = {
    send: 'Send',
    write: 'RDMA_Write',
    read: 'RDMA_Read',
    atomic: `Atomic ${atomicType}`,
  }[verb];
  return `${operation} ${bidirectional ? 'Bidirectional ' : ''}${latency ? 'Latency' : 'BW'} Test`;
}

/** What stands above the table. */
export function setupText(options: Settled, { context, gidIndex, mtu, outReads }: Resources): string {
  const { verb, latency, client, bidirectional } = options;
  const sends = client || bidirectional || latency;
  const receives = verb === 'send' && (!client || bidirectional || latency);
  const lines = [
    LINE,
    `${' '.repeat(20)}${title(options)}`,
    ...(options.events ? [` Test with events. Using ${context.device}_comp0`] : []),
    ` Dual-port       : OFF\t\tDevice         : ${context.device}`,
    ` Number of qps   : ${options.qps}\t\tTransport type : IB`,
    ` Connection type : ${options.connection}\t\tUsing SRQ      : OFF`,
    ...(sends ? [` TX depth        : ${options.txDepth}`] : []),
    ...(receives ? [` RX depth        : ${options.rxDepth}`] : []),
    ...(latency ? [] : [` CQ Moderation   : ${options.cqMod}`]),
    ` Mtu             : ${mtu}[B]`,
    ' Link type       : Ethernet',
    ` GID index       : ${gidIndex}`,
    verb === 'read' || verb === 'atomic'
      ? ` Outstand reads  : ${outReads}`
      : ` Max inline data : ${options.inline}[B]`,
    ' rdma_cm QPs\t : OFF',
    ' Data ex. method : Ethernet',
    LINE,
  ];
  return lines.join('\n');
}

/** C's `%#0Nx`: the prefix counts, and zero has none. */
const alternate = (value: number | bigint, width: number) =>
  value === 0 || value === 0n ? ''.padStart(width, '0') : `0x${value.toString(16).padStart(width - 2, '0')}`;

export function addressText(side: 'local' | 'remote', { verb }: Settled, key: Key): string {
  const parts = [
    ` ${side} address: LID ${alternate(key.lid, 4)} QPN ${alternate(key.qpn, 6)} PSN ${alternate(key.psn, 6)}`,
    ...(verb === 'read' ? [`OUT ${alternate(key.outReads, 4)}`] : []),
    ...(verb === 'read' || verb === 'write'
      ? [`RKey ${alternate(key.rkey, 8)} VAddr ${alternate(key.address, 18)}`]
      : []),
  ];
  const gid = [...gidBytes(key.gid)].map((byte) => String(byte).padStart(2, '0')).join(':');
  return `${parts.join(' ')}\n GID: ${gid}`;
}

export function headingText({ latency, duration, gbits }: Settled): string {
  if (!latency) {
    const unit = gbits ? 'Gb' : 'MiB';
    return ` #bytes     #iterations    BW peak[${unit}/sec]    BW average[${unit}/sec]   MsgRate[Mpps]`;
  }
  return duration === undefined
    ? ' #bytes #iterations    t_min[usec]    t_max[usec]  t_typical[usec]    t_avg[usec]    t_stdev[usec]   99% percentile[usec]   99.9% percentile[usec] '
    : ' #bytes        #iterations       t_avg[usec]    tps average';
}

function bandwidthText(
  { size, iterations, peak, average, messageRate }: BandwidthRow,
  gbits: boolean,
): string {
  if (gbits && average < 0.1) {
    return ` ${left(size, 7)}    ${iterations}           ${fixed(peak, 6, 7)}            ${fixed(average, 6, 7)}            ${fixed(messageRate, 6, 7)}`;
  }
  return ` ${left(size, 7)}    ${left(iterations, 10)}       ${fixed(peak, 2, 7)}            ${fixed(average, 2, 7)}\t\t     ${fixed(messageRate, 6, 7)}`;
}

function latencyText({ size, iterations, min, max, typical, average, stdev, p99, p999 }: LatencyRow): string {
  const f = (value: number) => fixed(value, 2, 7);
  return ` ${left(size, 7)} ${iterations}          ${f(min)}        ${f(max)}      ${f(typical)}  \t       ${f(average)}     \t${f(stdev)}\t\t${f(p99)} \t\t${f(p999)}`;
}

function durationText({ size, iterations, average, tps }: LatencyDurationRow): string {
  return ` ${left(size, 7)}       ${iterations}            ${fixed(average, 2, 7)}        ${fixed(tps, 2, 7)}`;
}

export function rowText(row: PerfRow, { gbits }: Settled): string {
  if ('messageRate' in row) return bandwidthText(row, gbits);
  if ('tps' in row) return durationText(row);
  return latencyText(row);
}
