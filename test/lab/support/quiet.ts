// Peers of a process that is on its way between two hosts.
import { expect } from 'vitest';
import { addFloating, lines, MOVING_IP, type NodeName, node, script } from './lab.js';
import { migrate } from './migrate.js';
import { goodVerdicts, signal, startWorkload } from './verdict.js';
import { capture, isNakStopped } from './wire.js';

/** Two seconds of silence end the connection: retry 7 would be without end in rxe. */
const IMPATIENT = ['--timeout', '17', '--retry', '3'];
const RESTORE_DELAY_S = 8;
export const SLOW_CRIU = '/root/slow-criu';
const DELAYED = '/root/delayed.out';

/** A criu that takes its time for a restore of the engine, and says when it has begun. */
export async function installSlowCriu(names: NodeName[] = ['a', 'b']): Promise<void> {
  const program = `#!/bin/sh
    if [ "$ROAM_DEFER_RESUME" = 1 ]; then echo begun >${DELAYED}; sleep ${RESTORE_DELAY_S}; fi
    exec criu "$@"`;
  for (const name of names)
    await script(name, `printf '%s\\n' "$1" >${SLOW_CRIU}; chmod 755 ${SLOW_CRIU}`, [program]);
}

/** Migration states of the QPs of processes, as rdma(8) prints them. */
export async function migrationStates(name: NodeName): Promise<string[]> {
  const text = await script(name, 'rdma -dd resource show qp | grep " pid "; true');
  return lines(text).map((line) => /migration (\w+)/.exec(line)?.[1] ?? line);
}

/**
 * Moves one end of an idle connection with a restore that is delayed, lets the other end post meanwhile, and
 * gives the NAK-stopped that it got.
 */
export async function postWhileAway(address: 'floating' | 'changed', extra: string[] = []) {
  await installSlowCriu();
  const test = await startWorkload({
    server: 'a',
    client: 'c',
    moving: 'server',
    address,
    args: ['--idle', '--count', '200', '--events', ...IMPATIENT],
  });
  const moving = migrate('a', test.mover.pid, {
    to: 'b',
    ...(address === 'floating' ? { ip: `${MOVING_IP}/24` } : {}),
    extra: ['--criu', SLOW_CRIU, ...extra],
  });
  // Whatever fails first is what the test says.
  const begun = script('b', `until [ -s ${DELAYED} ]; do sleep 0.1; done`, [], 120_000);
  await Promise.race([begun, moving.then(() => begun)]);
  const stop = await capture('c');
  await signal(test.stayer, 'USR1');
  await moving;
  test.mover.at = 'b';
  const naks = (await stop()).filter(isNakStopped);
  return { test, naks };
}

/** @returns the addresses that told the peer to wait */
export async function quietPeerWaits(address: 'floating' | 'changed'): Promise<string[]> {
  const { test, naks } = await postWhileAway(address);
  await goodVerdicts(test);
  return [...new Set(naks.map(({ source }) => source))];
}

/** What the peer says of the connection. */
async function endsWithRetryExceeded(): Promise<void> {
  const log = '/root/workload-client.out';
  await script('c', `until grep -q '^{"ok"' ${log}; do sleep 0.2; done`, [], 30_000);
  const line = lines(await script('c', `cat ${log}`)).find((text) => text.startsWith('{"ok"'));
  const verdict = JSON.parse(line ?? '{}');
  expect(verdict.ok, line).toBe(false);
  expect(verdict.errors.join('; ')).toMatch(/transport retry counter exceeded/i);
  await script('c', 'while pidof verdict; do sleep 0.1; done');
}

/** The same when nobody may answer: what the other tests show is not that the peer has the patience itself. */
export async function quietPeerIsLost(): Promise<void> {
  const { test, naks } = await postWhileAway('floating', ['--max-hold', '0']);
  await endsWithRetryExceeded();
  expect(naks).toEqual([]);
  await signal(test.mover, 'TERM');
}

/** Runs a program of the package in a node; `rxe` is its device. */
async function withRxe(name: NodeName, body: string): Promise<string> {
  const program = `
    const { openRxe } = await import('/usr/lib/node_modules/roam-rdma/dist/rxe/index.js');
    const rxe = openRxe('rxe0');
    ${body}
    rxe.close();`;
  const { stdout } = await (await node(name)).exec(['node', '--input-type=module', '-e', program], {
    timeout: 30_000,
  });
  return stdout;
}

const HOLD_MS = 8000;

/**
 * The source is off the network with its QP, the address and a reservation are at the destination, and no QP ever
 * comes there.
 */
export async function absentPartner(): Promise<void> {
  const test = await startWorkload({
    server: 'a',
    client: 'c',
    moving: 'server',
    address: 'floating',
    args: ['--idle', '--count', '200', '--events', ...IMPATIENT],
  });
  await script('c', `echo ${HOLD_MS} >/proc/sys/net/rdma_rxe/max_hold_ms`);
  try {
    const qp = await withRxe(
      'a',
      `const [found] = rxe.listQps().filter(({ type }) => type === 'RC');
       rxe.stop(found.qpn);
       const [{ destQpn: peerQpn, dgid: peerGid, respPsn: psn, ...qp }] = rxe.listQps().filter(({ type }) => type === 'RC');
       console.log(JSON.stringify({ ...qp, peerQpn, peerGid, psn }));`,
    );
    await script('a', 'ip addr del "$1/24" dev eth0; ip link set eth0 down', [MOVING_IP]);
    await withRxe('b', `rxe.reserve([${qp}], 20_000);`);
    await addFloating('b', MOVING_IP);
    await script(
      'b',
      'arping -c 1 -w 1 -U -I eth0 "$1" || busybox arping -c 1 -w 1 -U -I eth0 "$1" || true',
      [MOVING_IP],
    );
    await script('c', 'ip neigh flush dev eth0');
    await signal(test.stayer, 'USR1');
    for (let tries = 0; (await migrationStates('c'))[0] !== 'paused' && tries < 20; tries++)
      await script('c', 'sleep 0.3');
    await script('c', 'sleep 2.5');
    expect(await migrationStates('c'), 'longer than its own retries last').toEqual(['paused']);
    await endsWithRetryExceeded();
    // Nothing of the waiting is left that would keep the module in place.
    await script('c', 'sh /usr/lib/roam/guest/load-rxe roam');
  } finally {
    await script('c', 'echo 60000 >/proc/sys/net/rdma_rxe/max_hold_ms');
    await script('a', 'ip link set eth0 up');
    await signal(test.mover, 'TERM').catch(() => '');
  }
}
