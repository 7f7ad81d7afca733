import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { core_entrySchema } from '../../../src/criu/gen/criu-core_pb.js';
import { restartInterruptedCalls } from '../../../src/criu/interrupted.js';

const MAGIC = Buffer.from('1943565447380555', 'hex');
const EINTR = BigInt.asUintN(64, -4n);
const IP = 0x7f0000001002n;
const FOREVER = BigInt.asUintN(64, -1n);
/** Field 3 of the registers, r13, of which the package knows nothing: kept. */
const UNKNOWN = { no: 3, wireType: 0, data: new Uint8Array([0x2a]) };

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'roam-core-'));
});
afterEach(() => rm(dir, { recursive: true }));

interface Sleeper {
  call: bigint;
  ax?: bigint;
  r10?: bigint;
  mtype?: number;
  mode?: number;
  signals?: Uint8Array[];
}

async function write({ call, ax = EINTR, r10 = FOREVER, mtype = 1, mode, signals = [] }: Sleeper) {
  const core = create(core_entrySchema, {
    mtype,
    threadInfo: { gpregs: { r10, ax, origAx: call, ip: IP, mode } },
    threadCore: { signalsP: { signals } },
  });
  if (core.threadInfo?.gpregs) core.threadInfo.gpregs.$unknown = [UNKNOWN];
  const entry = toBinary(core_entrySchema, core);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(entry.length);
  await writeFile(join(dir, 'core-17.img'), Buffer.concat([MAGIC, size, entry]));
}

async function read() {
  const image = await readFile(join(dir, 'core-17.img'));
  expect(image.subarray(0, 8)).toEqual(MAGIC);
  expect(image.readUInt32LE(8)).toBe(image.length - 12);
  const regs = fromBinary(core_entrySchema, image.subarray(12)).threadInfo?.gpregs;
  expect(regs?.$unknown).toMatchObject([{ no: UNKNOWN.no, data: Buffer.from(UNKNOWN.data) }]);
  return regs;
}

describe('calls that a dump interrupted', () => {
  it.each([
    ['poll', 7n],
    ['futex', 202n],
    ['epoll_wait', 232n],
    ['epoll_pwait', 281n],
  ])('%s is begun again', async (name, call) => {
    await write({ call });
    expect(await restartInterruptedCalls(dir)).toEqual([{ tid: 17, call: name }]);
    expect(await read()).toMatchObject({ ax: call, origAx: call, ip: IP - 2n });
  });

  it.each<[string, Sleeper]>([
    ['a call that is over', { call: 7n, ax: 1n }],
    ['a call that the kernel did not make', { call: FOREVER }],
    ['nanosleep', { call: 35n }],
    ['epoll_wait with a timeout', { call: 232n, r10: 1000n }],
    ['epoll_pwait2 with a timeout', { call: 441n, r10: 0x7ffe0000n }],
    ['a call for which a signal waits', { call: 7n, signals: [new Uint8Array(4)] }],
    ['a 32-bit task', { call: 7n, mode: 2 }],
    ['another processor', { call: 7n, mtype: 3 }],
  ])('%s stays as it is', async (_, sleeper) => {
    await write(sleeper);
    const before = await readFile(join(dir, 'core-17.img'));
    expect(await restartInterruptedCalls(dir)).toEqual([]);
    expect(await readFile(join(dir, 'core-17.img'))).toEqual(before);
  });

  it('says which file is no core image', async () => {
    await writeFile(join(dir, 'core-9.img'), Buffer.concat([MAGIC, Buffer.from([9, 0, 0, 0, 1])]));
    await expect(restartInterruptedCalls(dir)).rejects.toThrow('core-9.img is not a core image');
  });
});
