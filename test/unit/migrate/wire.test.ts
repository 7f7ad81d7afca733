import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Connection, channelOver } from '../../../src/criu/pages/index.js';
import { limitRate } from '../../../src/migrate/bandwidth.js';
import { compressionLacks, judgeCompression } from '../../../src/migrate/judge-compress.js';
import { FramedStream } from '../../../src/migrate/wire/framed.js';
import { BLOCK, encodeFrame, FrameKind, HEADER, parseFrame } from '../../../src/migrate/wire/frames.js';
import { Tally } from '../../../src/migrate/wire/tally.js';
import { compress, decompress, zstdVersion } from '../../../src/sys/index.js';
import { host } from './facts.js';

const MIB = 1024 * 1024;

/** Two ends of a connection. */
async function pair(): Promise<[Connection, Connection]> {
  const server = createServer({ allowHalfOpen: true });
  const dir = await mkdtemp(join(tmpdir(), 'roam-wire-'));
  const path = join(dir, 'socket');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const near = connect({ path, allowHalfOpen: true });
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  await rm(dir, { recursive: true });
  return [channelOver(near), channelOver(far)];
}

/** All that comes; unlike a loop over the stream it leaves the other direction alone. */
async function buffer(stream: Duplex): Promise<Buffer> {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  await new Promise<void>((resolve, reject) => {
    stream.once('end', resolve).once('error', reject);
  });
  return Buffer.concat(parts);
}

const textual = (bytes: number): Buffer =>
  Buffer.alloc(bytes, 'a page of a program that is mostly the same as the others, ');

describe('zstd', () => {
  it('is there, and gives back what it was given', async () => {
    expect(zstdVersion()).toMatch(/^1\.\d+\.\d+$/);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
        const packed = await compress(bytes, 1);
        expect(await decompress(packed.bytes, bytes.length)).toEqual(Buffer.from(bytes));
        expect(packed.ms).toBeGreaterThan(0);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses what is no frame, and a frame of another length', async () => {
    await expect(decompress(Buffer.from('no frame of zstd'), 16)).rejects.toThrow(/^zstd: /);
    const { bytes: packed } = await compress(textual(1000), 1);
    await expect(decompress(packed, 1001)).rejects.toThrow('another length');
    await expect(decompress(packed, 999)).rejects.toThrow(/^zstd: /);
    await expect(async () => decompress(packed, 1e9)).rejects.toThrow(RangeError);
  });
});

describe('a host without libzstd', () => {
  const [a, b] = [host('a', '10.77.0.1'), host('b', '10.77.0.2')];
  const { zstd, ...bare } = b;

  it('is told of before the move, as gravely as compression was asked for', () => {
    expect(judgeCompression([a, b], 'zstd')).toEqual([]);
    expect(compressionLacks(a, b)).toBeUndefined();
    const [found, ...more] = judgeCompression([a, bare], 'zstd');
    expect(found).toMatchObject({ severity: 'warning', code: 'NO_ZSTD', host: 'b' });
    expect(more).toEqual([]);
    expect(judgeCompression([a, bare], 'auto')).toMatchObject([{ severity: 'info' }]);
    expect(judgeCompression([a, bare], 'none')).toEqual([]);
    expect(compressionLacks(a, bare)).toBe('libzstd.so.1 is missing on b');
  });
});

describe('a frame', () => {
  it('is read as it was written', () => {
    const header = { kind: FrameKind.zstd, length: 77, content: 4096 };
    expect(parseFrame(encodeFrame(header))).toEqual(header);
  });

  it.each([
    { kind: 9, length: 0, content: 0 },
    { kind: FrameKind.plain, length: 1, content: BLOCK + 1 },
    { kind: FrameKind.zstd, length: 9, content: 8 },
    { kind: FrameKind.end, length: 1, content: 1 },
  ])('is refused: %o', (header) => {
    expect(() => parseFrame(encodeFrame(header))).toThrow('a frame that is none');
  });
});

describe('a framed stream', () => {
  it.each(['none', 'zstd', 'auto'] as const)('brings what was written, both ways: %s', async (mode) => {
    const chunks = fc.array(fc.oneof(fc.uint8Array({ maxLength: 3000 }), fc.constant(textual(700_000))), {
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(chunks, async (parts) => {
        const [near, far] = await pair();
        const [source, destination] = [new FramedStream(near, { mode }), new FramedStream(far)];
        const came = buffer(destination);
        for (const part of parts) source.write(Buffer.from(part));
        source.end();
        expect((await came).equals(Buffer.concat(parts))).toBe(true);
        destination.end('the answer');
        expect((await buffer(source)).toString()).toBe('the answer');
      }),
      { numRuns: 15 },
    );
  });

  it('compresses what can be, and leaves what cannot', async () => {
    const sent = async (bytes: Buffer) => {
      const [near, far] = await pair();
      const tally = new Tally('ssh', 'zstd');
      const came = buffer(new FramedStream(far));
      new FramedStream(near, { mode: 'zstd', tally }).end(bytes);
      expect((await came).equals(bytes)).toBe(true);
      return tally.report();
    };
    const good = await sent(textual(MIB));
    expect(good).toMatchObject({ used: 'zstd', bytes: MIB, compressedBytes: MIB });
    expect(good.wireBytes).toBeLessThan(MIB / 20);
    const bad = await sent(randomBytes(MIB));
    expect(bad).toMatchObject({
      used: 'none',
      compressedBytes: 0,
      wireBytes: MIB + Math.ceil(MIB / BLOCK) * HEADER,
    });
  });

  it('tells an end from a connection that was lost', async () => {
    const [near, far] = await pair();
    const source = new FramedStream(near);
    const came = buffer(new FramedStream(far));
    source.write(textual(1000));
    await sleep(20);
    source.destroy();
    await expect(came).rejects.toThrow('the connection was lost');
  });

  it('keeps to a limit by the bytes on the wire', async () => {
    const [near, far] = await pair();
    let wire = 0;
    const pace = (bytes: number) => {
      wire += bytes;
    };
    const came = buffer(new FramedStream(far));
    const tally = new Tally('ssh', 'zstd');
    new FramedStream(near, { mode: 'zstd', pace, tally }).end(textual(4 * MIB));
    await came;
    expect(wire).toBe(tally.report().wireBytes);
    expect(wire).toBeLessThan(MIB / 2);
  });

  it('begins to compress on a slow link, and not on a fast one', async () => {
    const send = async (bytes: Buffer, pace?: (bytes: number) => Promise<void>) => {
      const [near, far] = await pair();
      const tally = new Tally('ssh', 'auto');
      const came = buffer(new FramedStream(far));
      const source = new FramedStream(near, { mode: 'auto', tally, ...(pace ? { pace } : {}) });
      const pieces = Array.from({ length: bytes.length / 65536 }, (_, i) =>
        bytes.subarray(i * 65536, (i + 1) * 65536),
      );
      await pipeline(async function* () {
        yield* pieces;
      }, source);
      expect((await came).equals(bytes)).toBe(true);
      return tally.report();
    };
    const slow = await send(textual(12 * MIB), limitRate(4 * MIB));
    expect(slow).toMatchObject({ used: 'mixed' });
    expect(slow.compressedBytes).toBeGreaterThan(9 * MIB);
    expect(slow.linkRate).toBeGreaterThan(2 * MIB);
    expect(slow.linkRate).toBeLessThan(32 * MIB);
    // What cannot be compressed is not: the sample says so.
    expect(await send(randomBytes(3 * MIB), limitRate(4 * MIB))).toMatchObject({ used: 'none' });
  });
});
