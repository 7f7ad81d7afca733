import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSocket, canSecure } from '../../../src/sys/index.js';
import { a, b, der, mixed, pair, rawOf, sockets, useKeys } from './secure-pair.js';

useKeys();

describe('TLS by the addon', () => {
  it('is there: this Node has an OpenSSL', () => {
    expect(canSecure()).toBe(true);
  });

  it('brings the bytes in order, both ways, in whatever pieces', async () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 300_000 })), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (written, asked) => {
        const ends = await pair();
        const bytes = randomBytes(written.reduce((sum, n) => sum + n, 0));
        const send = async (end: ByteSocket) => {
          const starts = written.map((_, i) => written.slice(0, i).reduce((sum, n) => sum + n, 0));
          const parts = starts.map((from, i) => bytes.subarray(from, from + (written[i] as number)));
          const half = parts.splice(0, parts.length / 2);
          const sent = [end.write(...half), ...parts.map((part) => end.write(part))];
          await Promise.all([...sent, end.end()]);
        };
        const receive = async (end: ByteSocket) => {
          const came: Buffer[] = [];
          for (let left = bytes.length, i = 0; left > 0; i++) {
            const piece = Buffer.alloc(Math.min(left, asked[i % asked.length] as number));
            expect(await end.fill(piece)).toBe(true);
            came.push(piece);
            left -= piece.length;
          }
          expect(await end.fill(Buffer.alloc(1))).toBe(false);
          expect(Buffer.concat(came).equals(bytes)).toBe(true);
        };
        await Promise.all(ends.flatMap((end) => [send(end), receive(end)]));
        for (const end of ends) end.close();
      }),
      { numRuns: 8 },
    );
  });

  it.each(['client', 'server'] as const)("is understood by Node's as its other end: %s", async (ours) => {
    const { socket, theirs, shown } = await mixed(ours);
    expect(await shown).toEqual(rawOf(a));
    await expect.poll(() => theirs.getPeerCertificate()?.raw).toEqual(rawOf(b));
    const bytes = randomBytes(3_000_000);
    theirs.end(bytes);
    const came = Buffer.alloc(bytes.length);
    await socket.fill(came);
    expect(came.equals(bytes)).toBe(true);
    expect(await socket.some(Buffer.alloc(9))).toBe(0);
    // One direction has ended, the other goes on.
    const back: Buffer[] = [];
    theirs.on('data', (part: Buffer) => back.push(part));
    const ended = once(theirs, 'end');
    await socket.write(bytes.subarray(0, 5), bytes.subarray(5));
    await socket.end();
    await ended;
    expect(Buffer.concat(back).equals(bytes)).toBe(true);
    socket.close();
  });

  it('tells an end that was said from a connection that was cut, also between two records', async () => {
    const [client, server] = await pair();
    await client.write(Buffer.from('whole'));
    await server.write(Buffer.from('cut'));
    await client.end();
    server.close();
    await expect(client.fill(Buffer.alloc(3))).resolves.toBe(true);
    await expect(client.fill(Buffer.alloc(1))).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(client.some(Buffer.alloc(1))).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(client.write(Buffer.alloc(1))).rejects.toMatchObject({ code: 'EPIPE' });
    client.close();

    const [first, second] = await pair();
    await first.write(Buffer.from('whole'));
    await first.end();
    first.close();
    expect(await second.fill(Buffer.alloc(5))).toBe(true);
    expect(await second.fill(Buffer.alloc(5))).toBe(false);
    expect(await second.some(Buffer.alloc(5))).toBe(0);
    second.close();
  });

  it('gives nothing of a record that was changed on its way', async () => {
    let change = false;
    const [client, server] = await pair((near, port) => {
      const far = connect(port, '127.0.0.1');
      far.pipe(near);
      near.on('data', (bytes: Buffer) => {
        if (change) bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
        far.write(bytes);
      });
      near.on('error', () => {}).on('close', () => far.destroy());
    });
    await client.write(Buffer.from('right'));
    await server.fill(Buffer.alloc(5));
    change = true;
    await client.write(Buffer.from('wrong'));
    const bytes = Buffer.alloc(5);
    await expect(server.some(bytes)).rejects.toMatchObject({ code: 'EPROTO' });
    expect(bytes).toEqual(Buffer.alloc(5));
    await expect(server.some(bytes)).rejects.toThrow();
    client.close();
    server.close();
  });

  it('says that no certificate was shown', async () => {
    const { socket, theirs, shown } = await mixed('server', {});
    expect(await shown).toBeUndefined();
    theirs.destroy();
    socket.close();
  });

  it('speaks nothing older than TLS 1.3', async () => {
    for (const ours of ['client', 'server'] as const) {
      const { socket, theirs, shown } = await mixed(ours, { ...a, maxVersion: 'TLSv1.2' });
      await expect(shown, ours).rejects.toThrow(/protocol/);
      theirs.destroy();
      socket.close();
    }
  });

  it.each([
    [
      'what is no handshake',
      (socket: Socket) => socket.end('GET / HTTP/1.0\r\n\r\n'),
      /http request|wrong version/,
    ],
    [
      'an end in the middle of it',
      (socket: Socket) => socket.end(Buffer.from('1603010200', 'hex')),
      'it hung up',
    ],
    ['an end before it', (socket: Socket) => socket.end(), 'it hung up'],
  ])('rejects %s', async (_, speak, words) => {
    const [near, far] = await sockets();
    const socket = ByteSocket.take(far);
    speak(near);
    await expect(socket.secure({ server: true, ...der(b) })).rejects.toThrow(words);
    socket.close();
    near.destroy();
  });

  it('is given up when it is closed, and takes no key of another certificate', async () => {
    const [near, far] = await sockets();
    const socket = ByteSocket.take(far);
    const shown = socket.secure({ server: true, ...der(b) });
    await expect(socket.fill(Buffer.alloc(1))).rejects.toThrow('there is a handshake under way');
    socket.close();
    await expect(shown).rejects.toMatchObject({ code: 'ECANCELED' });
    const other = ByteSocket.take(near);
    await expect(other.secure({ server: false, cert: der(a).cert, key: der(b).key })).rejects.toThrow(
      /^key: /,
    );
    other.close();
  });

  it('holds back a writer whose reader is slow, and loses nothing', async () => {
    const [client, server] = await pair();
    const bytes = randomBytes(16 * 1024 * 1024);
    let gone = false;
    const writing = client.write(bytes).then(() => {
      gone = true;
    });
    await sleep(100);
    expect(gone).toBe(false);
    const came = Buffer.alloc(bytes.length);
    expect(await server.fill(came)).toBe(true);
    await writing;
    expect(came.equals(bytes)).toBe(true);
    client.close();
    server.close();
  });

  it('changes keys when it is asked to, and answers', async () => {
    const server = createServer({ pauseOnConnect: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const peer = spawn('openssl', ['s_client', '-tls1_3', '-msg', '-connect', `127.0.0.1:${port}`]);
    let said = '';
    peer.stdout.on('data', (part: Buffer) => {
      said += part;
    });
    const [far] = (await once(server, 'connection')) as [Socket];
    server.close();
    const socket = ByteSocket.take(far);
    await socket.secure({ server: true, ...der(b) });
    const reading = socket.fill(Buffer.alloc(6));
    await expect.poll(() => said, { timeout: 5000 }).toContain('Verify return code');
    peer.stdin.write('K\n');
    await expect.poll(() => said, { timeout: 5000 }).toMatch(/>>> TLS 1\.3.*KeyUpdate/);
    peer.stdin.write('hello\n');
    expect(await reading).toBe(true);
    await socket.write(Buffer.from('good day'));
    await expect.poll(() => said).toContain('good day');
    // Ours, with keys that have changed too.
    expect(said).toMatch(/<<< TLS 1\.3.*KeyUpdate/);
    peer.kill();
    socket.close();
  });
});
