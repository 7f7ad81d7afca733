// `roam qps --watch`: the table again and again on a terminal, one line per change elsewhere.
import { setTimeout as sleep } from 'node:timers/promises';
import type { QpRow } from './qps.js';

/** Milliseconds between two looks. */
const PERIOD = 500;

const keyOf = ({ device, qpn }: QpRow) => `${device} ${qpn}`;
const stateOf = ({ state, migrationState }: QpRow) => `${state} ${migrationState}`;

export interface Change {
  at: string;
  device: string;
  qpn: number;
  /** `new`, `gone`, or what the QP was before. */
  from: string;
  to: string;
}

/** What differs between two looks at the QPs of a host. */
export function changes(before: readonly QpRow[], after: readonly QpRow[], at: string): Change[] {
  const old = new Map(before.map((row) => [keyOf(row), row]));
  const found: Change[] = [];
  for (const row of after) {
    const was = old.get(keyOf(row));
    old.delete(keyOf(row));
    if (was !== undefined && stateOf(was) === stateOf(row)) continue;
    found.push({
      at,
      device: row.device,
      qpn: row.qpn,
      from: was === undefined ? 'new' : stateOf(was),
      to: stateOf(row),
    });
  }
  for (const row of old.values()) {
    found.push({ at, device: row.device, qpn: row.qpn, from: stateOf(row), to: 'gone' });
  }
  return found;
}

/** Until SIGINT or SIGTERM. */
export async function watch(
  look: () => Promise<QpRow[]>,
  render: (rows: QpRow[]) => string,
  json: boolean,
): Promise<void> {
  const stop = new AbortController();
  const end = () => stop.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  const out = process.stdout;
  let rows: QpRow[] = [];
  while (!stop.signal.aborted) {
    const now = await look();
    if (out.isTTY && !json) {
      out.write(`\u001b[H\u001b[J${new Date().toLocaleTimeString()}\n${render(now)}\n`);
    } else {
      for (const change of changes(rows, now, new Date().toISOString())) {
        const { at, device, qpn, from, to } = change;
        out.write(json ? `${JSON.stringify(change)}\n` : `${at} ${device} QP ${qpn}: ${from} -> ${to}\n`);
      }
    }
    rows = now;
    await sleep(PERIOD, undefined, { signal: stop.signal }).catch(() => {});
  }
}
