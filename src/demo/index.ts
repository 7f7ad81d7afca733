// The whole product in one run: a stock benchmark changes hosts in mid-transfer.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { RoamError } from '../errors.js';
import { Lab, type LabNode } from '../lab/index.js';
import type { MigrationReport } from '../migrate/types.js';
import type { Outcome } from '../report/types.js';
import { DemoMoveError } from './failed.js';
import type { DemoOptions, DemoReport } from './types.js';
import { Watch } from './watch.js';
import { Workload } from './workload.js';

export { DemoMoveError } from './failed.js';
export type { DemoOptions, DemoReport } from './types.js';

const FLOATING = '10.0.1.7';
const PREFIX = 24;

/** Messages that the peer must have received before the move: the transfer is under way, not at its start. */
const UNDER_WAY = 20;
const START_TIMEOUT_MS = 120_000;
const END_TIMEOUT_MS = 900_000;
const TICK_MS = 10_000;

/**
 * Boots a, b and peer, runs `ib_send_bw -b` between a and peer, and moves its server to b.
 *
 * @throws RoamError, LabError; a migration that failed is thrown as MIGRATION_FAILED with its phase
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const started = performance.now();
  const { say, signal } = options;
  const lab = await Lab.up({ nodes: ['a', 'b', 'peer'], onProgress: say, ...(signal ? { signal } : {}) });
  // Ending the lab is also how an interruption reaches whatever is waited for.
  const interrupt = () => void lab.down();
  signal?.addEventListener('abort', interrupt, { once: true });
  try {
    const report = await moveServer(lab, options, started);
    if (options.keep) {
      await lab.detach();
      say(`the nodes run on: roam lab exec --name ${lab.name} a -- sh; roam lab down --name ${lab.name}`);
    }
    return report;
  } catch (error) {
    throw signal?.aborted ? new RoamError('INTERRUPTED', 'interrupted; the nodes are gone') : error;
  } finally {
    signal?.removeEventListener('abort', interrupt);
    if (!options.keep) await lab.down();
  }
}

async function moveServer(
  lab: Lab,
  { iterations, size, say }: DemoOptions,
  started: number,
): Promise<DemoReport> {
  const [a, b, peer] = [lab.node('a'), lab.node('b'), lab.node('peer')];
  await a.exec(['ip', 'address', 'add', `${FLOATING}/${PREFIX}`, 'dev', 'eth0']);
  for (const node of [b, peer]) await node.exec(['ip', 'route', 'replace', `${FLOATING}/32`, 'dev', 'eth0']);
  say('preparing CRIU on a and b');
  await Promise.all([a, b].map(warm));
  const watch = new Watch(peer);
  const ticker = setInterval(
    () => say(`  peer has received ${watch.received} of ${iterations} messages`),
    TICK_MS,
  );
  try {
    await watch.ready;
    const workload = await Workload.start(a, peer, { iterations, size, serverAddress: FLOATING });
    say(`server on a (${FLOATING}), client on peer: ${workload.command}`);
    await underWay(watch, workload);
    say(
      `peer has received ${watch.received} of ${iterations} messages; moving pid ${workload.pid} from a to b`,
    );
    const migration = await migrateIn(a, workload.pid, say).catch(async (error) => {
      say(await workload.lastWords(a, b).catch(() => 'nothing more is known of the two ends'));
      throw error;
    });
    say(`peer has received ${watch.received} of ${iterations} messages; waiting for both ends`);
    const client = await workload.clientEnd();
    const server = await workload.serverEnd(b, END_TIMEOUT_MS);
    const [longest] = (await watch.result()).gaps;
    const ends = [server, client];
    const versions = migration.versions.destination;
    return {
      ok: ends.every(({ completed, exitCode }) => completed === iterations && exitCode === 0),
      nodes: lab.nodes.map(({ name, ip }) => ({ name, ip })),
      workload: {
        command: workload.command,
        iterations,
        server: { completed: server.completed, exitCode: server.exitCode },
        client: { completed: client.completed, exitCode: client.exitCode },
      },
      migration: {
        ...migration,
        blackoutMs: longest?.ms ?? 0,
        resolutionMs: longest?.resolutionMs ?? 0,
        from: migration.source,
        to: migration.destination,
      },
      peer: {
        host: peer.name,
        messageSize: size,
        samples: watch.samples,
        ...(longest ? { blackout: longest } : {}),
      },
      versions: {
        kernel: versions.kernel,
        criu: versions.criu,
        rdmaCore: versions.rdmaCore ?? null,
        module: versions.module ?? null,
      },
      seconds: Math.round((performance.now() - started) / 100) / 10,
      outputs: { server: server.output, client: client.output },
    };
  } finally {
    clearInterval(ticker);
    watch.abandon();
  }
}

/** What happens once per boot is not part of a migration: CRIU finds out what the kernel can do. */
async function warm(node: LabNode): Promise<void> {
  await node.exec(['criu', 'check'], { reject: false });
  await node.exec(['roam', 'qps']);
}

async function underWay(watch: Watch, workload: Workload): Promise<void> {
  let ended: { output: string; exitCode: number } | undefined;
  workload.clientEnd().then(
    (end) => {
      ended = end;
    },
    // Lost with its node: whoever waits for the end is told.
    () => {},
  );
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await sleep(200)) {
    if (ended)
      throw new RoamError(
        'WORKLOAD_FAILED',
        `ib_send_bw ended before it was moved (exit code ${ended.exitCode}): ${ended.output}`,
      );
    if (watch.received >= UNDER_WAY) return;
  }
  throw new RoamError(
    'WORKLOAD_FAILED',
    `the peer received ${watch.received} messages in ${START_TIMEOUT_MS / 1000} s`,
  );
}

/** `roam migrate` on the node, its progress as it comes. */
async function migrateIn(node: LabNode, pid: number, say: (line: string) => void): Promise<MigrationReport> {
  const argv = [
    'roam',
    'migrate',
    `pid:${pid}`,
    '--to',
    'b',
    '--ip',
    `${FLOATING}/${PREFIX}`,
    '--json',
    '--progress',
  ];
  say(`a# ${argv.join(' ')}`);
  const child = node.spawn(argv);
  if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => say(`  ${line}`));
  const { stdout, exitCode } = await child;
  const text = String(stdout);
  const answer = parseJson(text);
  if (answer?.ok === true) return answer;
  // Without phases it did not even begin.
  if (answer?.phases) throw new DemoMoveError(answer, exitCode);
  throw new RoamError('MIGRATION_FAILED', `roam migrate on node a failed (exit code ${exitCode}): ${text}`);
}

function parseJson(text: string): Outcome | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
