import { describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { type NodeName, node } from './support/lab.js';
import { goodVerdicts, move, progresses, signal, startWorkload } from './support/verdict.js';
import { capture, isNakStopped, RC_RESUME } from './support/wire.js';

describe('the protocol on the wire', () => {
  useSweptLab();

  it('the stopped QP answers NAK-stopped, the moved one sends Resume from its new address', async () => {
    const before = await counters('c');
    const stop = await capture('c');
    const test = await startWorkload({ server: 'a', client: 'c', moving: 'server', address: 'changed' });
    await progresses(test.stayer);
    const report = await move(test, 'b');
    await progresses(test.mover);
    await signal(test.mover, 'USR1');
    await goodVerdicts(test);
    const packets = await stop();

    const naks = packets.filter(isNakStopped);
    expect(naks.length).toBeGreaterThan(0);
    expect(new Set(naks.map(({ source }) => source))).toEqual(new Set(['10.77.0.1']));
    const resumes = packets.filter(({ opcode }) => opcode === RC_RESUME);
    const fromMover = resumes.filter(({ source }) => source === '10.77.0.2');
    expect(fromMover.length).toBeGreaterThan(0);
    expect(
      resumes.some(({ source, destination }) => source === '10.77.0.3' && destination === '10.77.0.2'),
    ).toBe(true);
    expect(fromMover[0]?.destQpn).toBe(report.objects.qp[0]?.destQpn);
    // Nobody is told to wait by the new host.
    expect(naks.some(({ source }) => source === '10.77.0.2')).toBe(false);

    const after = await counters('c');
    expect(after.nakStoppedReceived).toBeGreaterThan(before.nakStoppedReceived);
    expect(after.resumeReceived).toBeGreaterThan(before.resumeReceived);
  });
});

/** The module's own counters of a node's rxe0. */
async function counters(name: NodeName): Promise<{ nakStoppedReceived: number; resumeReceived: number }> {
  const program = `
    const { openRxe } = await import('/usr/lib/node_modules/roam-rdma/dist/rxe/index.js');
    const rxe = openRxe('rxe0');
    console.log(JSON.stringify(rxe.query().counters));
    rxe.close();`;
  const { stdout } = await (await node(name)).exec(['node', '--input-type=module', '-e', program], {
    timeout: 30_000,
  });
  return JSON.parse(stdout);
}
