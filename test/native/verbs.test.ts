// What the verbs addon does on any host, with or without an RDMA device. Devices, QPs and the module are
// the lab's.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { openRxe, processContexts } from '../../src/rxe/index.js';
import { verbs } from '../../src/verbs/addon.js';
import { listDevices } from '../../src/verbs/index.js';

describe('names', () => {
  it('of QP states and types are those of the verbs', () => {
    const names = (name: (value: number) => string, count: number) =>
      Array.from({ length: count }, (_, n) => name(n));
    expect(names(verbs().qpStateName, 7)).toEqual(['RESET', 'INIT', 'RTR', 'RTS', 'SQD', 'SQE', 'ERR']);
    expect(names(verbs().qpTypeName, 5)).toEqual(['SMI', 'GSI', 'RC', 'UC', 'UD']);
    expect(names(verbs().contextStateName, 3)).toEqual(['live', 'restoring', 'pinned']);
  });

  it('of unknown values say so instead of failing', () => {
    expect(verbs().qpStateName(7)).toBe('UNKNOWN(7)');
    expect(verbs().qpTypeName(0xffffffff)).toBe('UNKNOWN(4294967295)');
    expect(verbs().contextStateName(9)).toBe('UNKNOWN(9)');
    expect(() => verbs().qpStateName(-1)).toThrow(RangeError);
  });

  it('of migration flags come strongest first', () => {
    expect(verbs().migrationFlags(0)).toEqual([]);
    expect(verbs().migrationFlags(7)).toEqual(['stopped', 'paused', 'resuming']);
    expect(verbs().migrationFlags(0x18)).toEqual(['UNKNOWN(0x18)']);
    expect(verbs().migrationFlags(0x9)).toEqual(['stopped', 'UNKNOWN(0x8)']);
  });
});

describe('devices', () => {
  it('can be listed where there are none', () => {
    const names = listDevices().map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(verbs().rxeDevices()));
    expect(new Set(names).size).toBe(names.length);
  });

  it('that do not exist are a clear error', () => {
    expect(() => openRxe('no-such-device')).toThrow(
      expect.objectContaining({
        code: 'NO_RDMA_DEVICE',
        message: 'there is no RDMA device no-such-device here',
      }),
    );
  });

  it('are not what any descriptor is', () => {
    const file = openSync('/dev/null', 'r');
    expect(verbs().rxeIsRxe(file)).toBe(false);
    expect(() => verbs().rxeQuery(file)).toThrow(expect.objectContaining({ code: 'ENOTTY' }));
    closeSync(file);
    expect(() => verbs().rxeQuery(1_000_000)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });
});

describe('processContexts', () => {
  it('finds none in a process without RDMA', () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    try {
      expect(processContexts(child.pid as number)).toEqual([]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('says that there is no such process', () => {
    expect(() => processContexts(4_194_303)).toThrow(
      expect.objectContaining({ name: 'VerbsError', code: 'ESRCH' }),
    );
  });
});

it('is loaded by several threads at once', async () => {
  const directory = process.env.ROAM_NATIVE_DIR ?? new URL('../../build/Release', import.meta.url).pathname;
  const code = `require('node:worker_threads').parentPort.postMessage(require('${directory}/roam_verbs.node').migrationFlags(3))`;
  const answers = await Promise.all(
    Array.from({ length: 3 }, () => {
      const worker = new Worker(code, { eval: true });
      return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    }),
  );
  expect(answers).toEqual(Array(3).fill(['stopped', 'paused']));
});
