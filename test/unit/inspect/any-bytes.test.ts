import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readContextImage, readDescriptorImage } from '../../../src/inspect/dump.js';
import { ImageError, inspectImages } from '../../../src/inspect/index.js';
import {
  addressHandles,
  completionQueues,
  eventFiles,
  hexId,
  memoryRegions,
  memoryWindows,
  queuePairs,
  sharedReceiveQueues,
} from '../../../src/inspect/objects.js';
import { checkReferences } from '../../../src/inspect/references.js';
import { contextImage, scratch, wholeDump, writeDump } from './images.js';

/** All that is read of a context. */
function readAll(bytes: Uint8Array): void {
  const file = { path: 'x.img', bytes };
  const image = readContextImage(file);
  checkReferences(file, image);
  eventFiles(file, image, 'COMP_CHANNEL', hexId);
  eventFiles(file, image, 'ASYNC', hexId);
  completionQueues(file, image, hexId);
  sharedReceiveQueues(file, image);
  addressHandles(file, image);
  memoryRegions(file, image);
  memoryWindows(file, image);
  queuePairs(file, image);
}

/** True if it was read or was refused as an image; anything else is thrown. */
function readOrRefused(read: () => void): boolean {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
  }
  return true;
}

describe('whatever bytes an image has, it is read or refused', () => {
  const whole = contextImage();

  it('at every length', () => {
    for (let length = 0; length < whole.length; length++)
      expect(() => readAll(whole.subarray(0, length))).toThrow(ImageError);
    readAll(whole);
  });

  it('with numbers written over', () => {
    const value = fc.oneof(
      fc.nat(64),
      fc.constantFrom(0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff),
      fc.nat(),
    );
    const change = fc.tuple(fc.nat(whole.length / 4 - 1), value);
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, number] of changes) bytes.writeUInt32LE(number, at * 4);
        return readOrRefused(() => readAll(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('of no sense at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
        [readAll, (all: Uint8Array) => readDescriptorImage({ path: 'x.img', bytes: all })].every((read) =>
          readOrRefused(() => read(bytes)),
        ),
      ),
    );
  });
});

describe('whatever happened to one file of a dump, the dump is read or refused', () => {
  const files = [...wholeDump()];
  const damage = fc.oneof(
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), value: fc.nat() }),
    fc.record({ kind: fc.constant('byte' as const), at: fc.nat(), value: fc.nat(255) }),
    fc.record({
      kind: fc.constant('number' as const),
      at: fc.nat(),
      value: fc.oneof(fc.nat(64), fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff)),
    }),
    fc.record({ kind: fc.constant('moved' as const), at: fc.nat(), value: fc.nat() }),
  );

  type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

  function damaged(whole: Buffer, { kind, at, value }: Damage): Buffer {
    const bytes = Buffer.from(whole);
    if (bytes.length < 4) return bytes;
    if (kind === 'cut') return bytes.subarray(0, at % bytes.length);
    if (kind === 'byte') bytes.writeUInt8(value, at % bytes.length);
    else if (kind === 'number') bytes.writeUInt32LE(value, at % (bytes.length - 3));
    // A part in the place of another.
    else bytes.copy(bytes, at % bytes.length, value % bytes.length);
    return bytes;
  }

  it('with the reason, and in finite time', async () => {
    const dir = await scratch();
    try {
      await writeDump(dir, new Map(files));
      await fc.assert(
        fc.asyncProperty(
          fc.nat(files.length - 1),
          fc.array(damage, { minLength: 1, maxLength: 3 }),
          async (n, damages) => {
            const [name, whole] = files[n] as [string, Buffer];
            await writeFile(join(dir, name), damages.reduce(damaged, whole));
            try {
              await inspectImages(dir);
            } catch (error) {
              if (!(error instanceof ImageError)) throw error;
              if (!error.message || !error.remedy) throw new Error('refused without reason or remedy');
            } finally {
              await writeFile(join(dir, name), whole);
            }
          },
        ),
        { numRuns: 150, timeout: 30_000 },
      );
    } finally {
      await rm(dir, { recursive: true });
    }
  }, 240_000);
});
