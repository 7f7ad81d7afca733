import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSocket } from '../../../src/sys/index.js';

async function sockets(): Promise<[Socket, Socket]> {
  const server = createServer();
  const dir = await mkdtemp(join(tmpdir(), 'roam-bytes-'));
  const path = join(dir, 'socket');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const near = connect(path);
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  await rm(dir, { recursive: true });
  return [near, far];
}

async function pair(): Promise<[ByteSocket, ByteSocket]> {
  const [near, far] = await sockets();
  return [ByteSocket.take(near), ByteSocket.take(far)];
}

describe('a socket for large pieces', () => {
  it('gives the bytes in order, in whatever pieces they were written and are asked for', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 8 });
    // One large piece among them: megabytes by single bytes take a busy machine too long.
    const pieces = sizes.map((list) => [50_000, ...list]);
    await fc.assert(
      fc.asyncProperty(sizes, pieces, async (written, asked) => {
        const [near, far] = await pair();
        const bytes = randomBytes(written.reduce((sum, n) => sum + n, 0));
        const writing = (async () => {
          let from = 0;
          const all = written.map((size) => {
            from += size;
            return near.write(
              bytes.subarray(from - size, from - size + 1),
              bytes.subarray(from - size + 1, from),
            );
          });
          await Promise.all(all);
        })();
        const came: Buffer[] = [];
        for (let left = bytes.length, i = 0; left > 0; i++) {
          const piece = Buffer.alloc(Math.min(left, asked[i % asked.length] as number));
          expect(await far.fill(piece)).toBe(true);
          came.push(piece);
          left -= piece.length;
        }
        await writing;
        expect(Buffer.concat(came).equals(bytes)).toBe(true);
        near.close();
        expect(await far.fill(Buffer.alloc(1))).toBe(false);
        far.close();
      }),
      { numRuns: 30 },
    );
  });

  it('begins with what the socket before it had read', async () => {
    const [near, far] = await sockets();
    near.write('one two');
    await once(far, 'readable');
    expect(String(far.read(3))).toBe('one');
    const taken = ByteSocket.take(far);
    expect(far.destroyed).toBe(true);
    near.write(' three');
    const rest = Buffer.alloc(10);
    await taken.fill(rest);
    expect(String(rest)).toBe(' two three');
    taken.close();
    near.destroy();
  });

  it('tells an end in the middle of a piece from one between two', async () => {
    const [near, far] = await pair();
    await near.write(Buffer.from('abc'));
    near.close();
    await expect(far.fill(Buffer.alloc(4))).rejects.toMatchObject({ code: 'ECONNRESET' });
    far.close();
  });

  it('reads what is there when little is enough', async () => {
    const [near, far] = await pair();
    const bytes = Buffer.alloc(100);
    const some = far.some(bytes);
    await sleep(20);
    await near.write(Buffer.from('four'));
    expect(await some).toBe(4);
    near.close();
    expect(await far.some(bytes)).toBe(0);
    far.close();
  });

  it('holds back a writer whose reader is slow, and lets go of it when it is closed', async () => {
    const [near, far] = await pair();
    let gone = false;
    const writing = near.write(Buffer.alloc(32 * 1024 * 1024)).finally(() => {
      gone = true;
    });
    writing.catch(() => {});
    await sleep(50);
    expect(gone).toBe(false);
    near.close();
    await expect(writing).rejects.toMatchObject({ code: 'ECANCELED', syscall: 'sendmsg' });
    await expect(near.write(Buffer.alloc(1))).rejects.toMatchObject({ code: 'ECANCELED' });
    far.close();
  });

  it('rejects who reads when it is closed, and who writes to nobody', async () => {
    const [near, far] = await pair();
    const reading = far.fill(Buffer.alloc(1));
    far.close();
    far.close();
    await expect(reading).rejects.toMatchObject({ code: 'ECANCELED', syscall: 'recv' });
    await expect(near.write(Buffer.alloc(10))).rejects.toMatchObject({ code: 'EPIPE' });
    near.close();
    const [closed] = await sockets();
    closed.destroy();
    expect(() => ByteSocket.take(closed)).toThrow('EBADF');
  });
});
