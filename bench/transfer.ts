// The first round of pre-copy against a plain stream of as many bytes over the same ssh.
import type { Lab, MigrationReport } from 'roam-rdma';
import type { Subject } from './compare.js';

type Way = 'ssh' | 'roam';

const MIB = 1048576;
const SIZE = 48 * MIB;

const HOLD = `import os, time; memory = os.urandom(${SIZE}); print("ready", flush=True); time.sleep(3600)`;

async function plain(lab: Lab): Promise<number> {
  const script = `head -c ${SIZE} /dev/urandom >/dev/shm/plain; date +%s%N
    ssh b 'cat >/dev/shm/plain' </dev/shm/plain; date +%s%N; ssh b 'rm /dev/shm/plain'; rm /dev/shm/plain`;
  const { stdout } = await lab.node('a').exec(['sh', '-c', script], { timeout: 300_000 });
  const [from = '0', to = '0'] = stdout.trim().split('\n');
  return SIZE / MIB / (Number(BigInt(to) - BigInt(from)) / 1e9);
}

async function preCopy(lab: Lab): Promise<number> {
  const log = '/root/hold.out';
  const pid = await lab.node('a').start(['python3', '-c', HOLD], { log });
  await lab.node('a').exec(['sh', '-c', `until grep -q ready ${log}; do sleep 0.2; done`]);
  const argv = ['roam', 'migrate', `pid:${pid}`, '--to', 'b', '--max-rounds', '1', '--json'];
  const { stdout } = await lab.node('a').exec(argv, { timeout: 300_000 });
  await lab.node('b').exec(['kill', String(pid)]);
  const [round] = (JSON.parse(stdout) as MigrationReport).rounds ?? [];
  if (!round || round.bytes < SIZE)
    throw new Error(`a round of ${round?.bytes} bytes does not hold the memory`);
  return round.bytes / MIB / (round.ms / 1000);
}

export const transferSubject: Subject<Way> = {
  variants: ['ssh', 'roam'],
  benchmarks: [{ tool: 'pre-copy', size: SIZE, iterations: 1, metric: 'MiB/s', column: 0 }],
  measure: (lab, _, way) => (way === 'ssh' ? plain(lab) : preCopy(lab)),
};
