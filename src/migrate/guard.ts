// What still happens when the engine itself is killed between freeze and commit.
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { programFile } from '../package-root.js';
import { addAddress, announce, arpAnnouncer, type Cidr } from './address.js';
import { announceStay } from './announce.js';
import { fateOf, processTree } from './proc.js';
import { resumeContexts } from './rdma.js';

export interface GuardOrder {
  pid: number;
  /** Start time of the process (proc(5), field 22): its number may be another's by then. */
  startTime: string;
  /** Directory of the images here. */
  dir: string;
  address?: { cidr: Cidr; dev: string };
}

/**
 * A process of its own that waits for the word that all is well; if the engine dies without it, `recover`
 * runs. CRIU has let the tasks run on by then: it fails with its client. The rest is undone here.
 *
 * A shell waits, because most guards end without work and a second Node.js would slow every migration.
 */
export class Guard {
  readonly #child: ReturnType<typeof spawn>;

  constructor(order: GuardOrder) {
    const script = 'read -r word; [ "$word" = done ] || exec "$@"';
    const argv = [
      '-c',
      script,
      'roam-guard',
      process.execPath,
      programFile('cli/recover'),
      JSON.stringify(order),
    ];
    this.#child = spawn('sh', argv, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.#child.on('error', () => {});
    this.#child.stdin?.on('error', () => {});
    this.#child.unref();
    (this.#child.stdin as unknown as { unref?: () => void })?.unref?.();
  }

  /** The engine has undone everything itself, or has committed. */
  dismiss(): void {
    this.#child.stdin?.end('done\n');
  }
}

/** Field 22 of /proc/PID/stat; empty: no such process. */
export async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

const RELEASE_TIMEOUT_MS = 120_000;

/**
 * Puts the source right after the engine was killed. A process that is gone was committed: nothing of it is
 * undone. Each step is tried, whatever became of the others.
 */
export async function recover({ pid, startTime, dir, address }: GuardOrder): Promise<void> {
  const fate = await fateOf(pid, RELEASE_TIMEOUT_MS);
  const same = startTime !== '' && (await startTimeOf(pid)) === startTime;
  const failures: unknown[] = [];
  const attempt = (work: () => Promise<unknown>) => work().catch((error) => failures.push(error));
  if (fate === 'alive' && same) {
    if (address) await attempt(() => takeAddressBack(address));
    const pids = (await processTree(pid)).map((task) => task.pid);
    await attempt(() => resumeAll(pids));
    await attempt(() => announceStay(pids));
  }
  await attempt(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  if (failures.length > 0) throw new AggregateError(failures, `process ${pid} is not as it was`);
}

async function takeAddressBack({ cidr, dev }: NonNullable<GuardOrder['address']>): Promise<void> {
  await addAddress(cidr, dev);
  const announcer = await arpAnnouncer();
  if (announcer) void announce(cidr, dev, announcer).catch(() => {});
}

async function resumeAll(pids: number[]): Promise<void> {
  const { failures } = await resumeContexts(pids);
  if (failures.length > 0) throw new Error(failures.join('; '));
}
