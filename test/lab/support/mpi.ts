// A job of Open MPI on nodes a and b: mpirun and rank 0 on a, a daemon with rank 1 on b, whose address may move.
import { fileURLToPath } from 'node:url';
import { expect, inject } from 'vitest';
import { Lab } from '../../../dist/lab/index.js';
import {
  addFloating,
  gidIndex,
  inAllNodes,
  MOVING_IP,
  type NodeName,
  node,
  STAYING_IP,
  script,
  useLab,
} from './lab.js';

const file = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
/** Where the job's files are, on every node. */
const DIR = '/root/mpi';
export const HEAT = `${DIR}/heat`;
/** Rank 0 of `heat` ends the job when it is there. */
const STOP = `${DIR}/stop`;
const LOG = '/root/mpirun.out';
const COUNTERS = '/sys/class/infiniband/rxe0/ports/1/hw_counters';

/**
 * Lets this file's tests have nodes with Open MPI: the lab of the run where that has it, else one of their own.
 *
 * @returns what ends it
 */
export async function labWithMpi(): Promise<() => Promise<void>> {
  const shared = await Lab.attach(inject('lab'));
  const { exitCode } = await shared.node('a').exec(['which', 'mpirun'], { reject: false });
  const own = exitCode === 0 ? undefined : await Lab.up({ nodes: ['a', 'b', 'c'], extra: 'mpi' });
  if (own) useLab(own);
  await inAllNodes(`rm -rf ${DIR}; mkdir -p ${DIR}`);
  for (const { name } of (own ?? shared).nodes)
    await (await node(name as NodeName)).push(file('examples/mpi/start-daemon'), DIR);
  await (await node('a')).push(file('test/workloads/mpi/heat.c'), DIR);
  for (const name of ['a', 'b', 'c'] as const)
    await (await node(name)).push(file('test/workloads/mpi/hpccinf.txt'), DIR);
  await script(
    'a',
    `cd ${DIR} && mpicc -O2 -Wall -Wextra -Werror -o heat heat.c && scp -q heat b:${DIR}/ && scp -q heat c:${DIR}/`,
    [],
    300_000,
  );
  return async () => own?.down();
}

/** What docs/mpi.md tells of. */
const MPIRUN = [
  'mpirun --allow-run-as-root --host a,b -np 2 --leave-session-attached',
  `--prtemca plm_ssh_agent ${DIR}/start-daemon --prtemca prtereachable weighted`,
  '--mca pml ucx',
  // The rest is for slow machines: a freeze of more than three minutes, and less memory to send.
  '--prtemca oob_tcp_keepalive_time 0',
].join(' ');
const UCX = [
  'UCX_TLS=rc_v,self',
  'UCX_NET_DEVICES=rxe0:1',
  'UCX_UD_VERBS_ETH_DGID_CHECK=n',
  'UCX_MODULES=^rdmacm',
  'UCX_IB_RX_QUEUE_LEN=512',
  'UCX_LOG_LEVEL=info',
]
  .map((setting) => `-x ${setting}`)
  .join(' ');

/** Starts one rank on a and one on b, in the network of the floating addresses. */
export async function startJob(program: string): Promise<void> {
  await addFloating('a', STAYING_IP);
  await addFloating('b', MOVING_IP);
  // Both ranks are given the same one.
  const index = await gidIndex('a', STAYING_IP);
  expect(await gidIndex('b', MOVING_IP), 'GID index of the address on b').toBe(index);
  const command = `${MPIRUN} ${UCX} -x UCX_IB_GID_INDEX=${index} nice -n 19 ${program}`;
  await script('a', `rm -f ${STOP} ${LOG}`);
  await (await node('a')).start(['sh', '-c', `${command}; echo "mpirun: exit code $?"`], {
    log: LOG,
    cwd: DIR,
    env: { MPIRUN_ADDRESS: STAYING_IP },
  });
}

/** Everything that the job has printed. */
export const printed = (): Promise<string> => script('a', `cat ${LOG}`);

/** Waits until the job has printed a line that matches. */
export async function prints(pattern: string, timeout = 300_000): Promise<void> {
  await script(
    'a',
    // Looked at before, so that what it prints as it ends counts.
    `until ended=$(grep "^mpirun: exit" ${LOG}); grep -qE "$1" ${LOG}; do
       [ -z "$ended" ] || { tail -30 ${LOG}; exit 1; }; sleep 0.5; done`,
    [pattern],
    timeout,
  );
}

/** The last round that `heat` has told of. */
export async function roundOf(): Promise<number> {
  return Number(await script('a', `sed -n 's/^round //p' ${LOG} | tail -1`));
}

/** Waits until `heat` has done so many rounds more. */
export async function goesOn(rounds: number): Promise<void> {
  const first = await roundOf();
  await script(
    'a',
    `until [ "$(sed -n 's/^round //p' ${LOG} | tail -1)" -ge "$1" ]; do
       grep -q "^mpirun: exit" ${LOG} && { tail -30 ${LOG}; exit 1; }; sleep 0.5; done`,
    [String(first + rounds)],
    300_000,
  );
}

/** Packets that rxe0 of a node has received. */
export async function received(on: NodeName): Promise<number> {
  return Number(await script(on, `cat ${COUNTERS}/rcvd_pkts`));
}

/** Ends `heat`; both ranks have found nothing wrong, and mpirun is content. @returns rounds */
export async function rightAnswer(): Promise<number> {
  await script('a', `touch ${STOP}`);
  await prints('^mpirun: exit code');
  const text = await printed();
  const ends = [
    ...text.matchAll(/^rank (\d): (\d+) rounds, (\d+) numbers wrong in blocks, (\d+) cells wrong/gm),
  ];
  expect(ends.map(([, rank, , blocks, cells]) => [rank, blocks, cells]).sort(), text).toEqual([
    ['0', '0', '0'],
    ['1', '0', '0'],
  ]);
  expect(text).toContain('mpirun: exit code 0');
  return Number(ends[0]?.[2]);
}

/** The summary that hpcc writes at its end: `Name=value`. */
export async function summaryOfHpcc(): Promise<Record<string, string>> {
  const text = await script('a', `sed -n '/^Begin of Summary/,$p' ${DIR}/hpccoutf.txt`);
  return Object.fromEntries(
    text
      .split('\n')
      .map((line) => line.split('='))
      .filter((pair) => pair.length === 2),
  );
}

/** How many of the checks of HPL in it say so. */
export const checksOfHpl = (verdict: 'PASSED' | 'FAILED'): Promise<number> =>
  script('a', `grep -c "\\.\\. *${verdict}" ${DIR}/hpccoutf.txt || true`).then(Number);

/** The daemon that mpirun has started on b, with its rank. */
export async function daemonOn(on: NodeName): Promise<number> {
  return Number(await script(on, 'pidof prted'));
}

export async function endJobs(): Promise<void> {
  await inAllNodes('for pid in $(pidof mpirun prterun prted heat hpcc); do kill -9 $pid; done; true');
}
