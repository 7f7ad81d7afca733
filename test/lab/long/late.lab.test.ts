import { expect, it } from 'vitest';
import { forge, lookAt, reconnect } from '../support/forger.js';
import { useSweptLab } from '../support/hooks.js';
import { node, script } from '../support/lab.js';
import { pacedLink } from '../support/pace.js';
import { goodVerdicts, signal, startWorkload } from '../support/verdict.js';

useSweptLab();

/** Messages of the protocol that a network has held back, said again by a third node, where the hosts have no key. */
it('a NAK-stopped and a Resume of an earlier stop change nothing, one of a later stop does', async () => {
  const test = await startWorkload({
    server: 'a',
    client: 'c',
    moving: 'server',
    address: 'changed',
    // A request waits for 7 x 9 s: as long as c is cut off.
    args: ['--idle', '--count', '50', '--events', '--timeout', '21'],
  });
  const [a, b, c] = await Promise.all((['a', 'b', 'c'] as const).map(async (name) => (await node(name)).ip));
  const { qp: mover } = await lookAt('a');
  const stopAndResume = () => script('a', 'roam qps stop "$1" && roam qps resume "$1"', [String(mover.qpn)]);
  const isAnswered = () =>
    script('a', 'until roam qps | grep " $1 " | grep -q running; do sleep 0.2; done', [String(mover.qpn)]);
  for (const _ of ['first', 'second']) {
    await stopAndResume();
    await isAnswered();
  }

  // A request of c's is under way: a NAK-stopped would stop it.
  await script('c', pacedLink('loss 100%'));
  await signal(test.stayer, 'USR1');
  await script('c', 'sleep 1');
  const { qp } = await lookAt('c');
  const resume = (epoch: number) => ({
    kind: 'resume' as const,
    source: b,
    destination: c,
    qpn: qp.qpn,
    epoch,
    compPsn: qp.respPsn,
    respPsn: qp.compPsn,
  });
  await forge([
    { kind: 'nak', source: a, destination: c, qpn: qp.qpn, epoch: 1, psn: qp.compPsn },
    { kind: 'nak', source: a, destination: c, qpn: qp.qpn, epoch: 2, psn: qp.compPsn },
    resume(1),
  ]);
  await script('c', 'sleep 1');
  expect((await lookAt('c')).qp).toMatchObject({ migrationState: 'running', dgid: `::ffff:${a}` });

  // The same message, if it were of a stop that is yet to come.
  await forge([resume(3)]);
  await script('c', 'sleep 1');
  expect((await lookAt('c')).qp.dgid).toBe(`::ffff:${b}`);

  // To c the third is the forger's already.
  for (const _ of ['third', 'fourth']) await stopAndResume();
  await reconnect();
  await isAnswered();
  expect((await lookAt('c')).qp.dgid).toBe(`::ffff:${a}`);
  await goodVerdicts(test);
});
