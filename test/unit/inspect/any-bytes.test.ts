import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readContextImage, readDescriptorImage } from '../../../src/inspect/dump.js';
import { ImageError } from '../../../src/inspect/index.js';
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
import { contextImage } from './images.js';

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
