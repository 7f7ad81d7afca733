import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SyscallError } from '../../../src/errors.js';
import { closeFd, SeqPacket } from '../../../src/sys/index.js';

function connected(): { a: SeqPacket; b: SeqPacket } & Disposable {
  const { socket: a, peerFd } = SeqPacket.pair();
  const b = SeqPacket.from(peerFd);
  return {
    a,
    b,
    [Symbol.dispose]() {
      a.close();
      b.close();
    },
  };
}

describe('SeqPacket', () => {
  it('keeps message boundaries, order and bytes, for any sizes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 20_000 }), { minLength: 1, maxLength: 8 }),
        async (messages) => {
          using pair = connected();
          const sending = (async () => {
            for (const message of messages) await pair.a.send(message);
          })();
          for (const message of messages) {
            const packet = await pair.b.receive();
            expect(Buffer.compare(packet?.data as Uint8Array, message)).toBe(0);
          }
          await sending;
        },
      ),
      { numRuns: 50 },
    );
  });

  it('receives a message as large as the socket takes, in one piece', async () => {
    using pair = connected();
    const large = new Uint8Array(180_000).map((_, index) => index * 7);
    await pair.a.send(large);
    expect(Buffer.compare((await pair.b.receive())?.data as Uint8Array, large)).toBe(0);
  });

  it('says EMSGSIZE for a message that no buffer takes, and stays usable', async () => {
    using pair = connected();
    await expect(pair.a.send(new Uint8Array(64 * 1024 * 1024))).rejects.toMatchObject({
      code: 'EMSGSIZE',
      syscall: 'sendmsg',
    });
    await pair.a.send(Uint8Array.of(1));
    expect((await pair.b.receive())?.data).toEqual(Uint8Array.of(1));
  });

  it('waits for room when the peer does not read, and loses nothing', async () => {
    using pair = connected();
    const count = 2000;
    let sent = 0;
    const sending = (async () => {
      for (; sent < count; sent++) await pair.a.send(new Uint8Array(4096).fill(sent));
    })();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sent).toBeLessThan(count);
    for (let index = 0; index < count; index++) {
      expect((await pair.b.receive())?.data[0]).toBe(index & 0xff);
    }
    await sending;
  });

  it('passes descriptors, which are close-on-exec and open the same files', async () => {
    using pair = connected();
    const files = [openSync('/proc/self/status', 'r'), openSync('/dev/null', 'r')];
    await pair.a.send(Uint8Array.of(1, 2), { fds: files });
    const packet = await pair.b.receive();
    expect(packet?.fds).toHaveLength(2);
    for (const [index, fd] of (packet?.fds ?? []).entries()) {
      expect(fstatSync(fd).ino).toBe(fstatSync(files[index] as number).ino);
      const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
      expect(Number.parseInt(flags as string, 8) & 0o2000000).not.toBe(0);
      closeFd(fd);
    }
    for (const fd of files) closeSync(fd);
  });

  it('tells the end of the stream, also after unread messages', async () => {
    using pair = connected();
    await pair.a.send(Uint8Array.of(9));
    pair.a.close();
    expect((await pair.b.receive())?.data).toEqual(Uint8Array.of(9));
    expect(await pair.b.receive()).toBeUndefined();
    expect(await pair.b.receive()).toBeUndefined();
  });

  it('says EPIPE when the peer is gone, without a signal', async () => {
    using pair = connected();
    pair.b.close();
    await expect(pair.a.send(Uint8Array.of(1))).rejects.toMatchObject({ code: 'EPIPE', errno: 32 });
  });

  it('rejects whoever waits when it is closed, and every later use', async () => {
    using pair = connected();
    const waiting = pair.a.receive();
    pair.a.close();
    pair.a.close();
    await expect(waiting).rejects.toMatchObject({ code: 'ECANCELED' });
    await expect(pair.a.receive()).rejects.toBeInstanceOf(SyscallError);
    expect(() => pair.a.fd).toThrow(/closed/);
  });

  it('stops waiting on an abort, and can be read afterwards', async () => {
    using pair = connected();
    const controller = new AbortController();
    const waiting = pair.a.receive({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(pair.a.receive({ signal: controller.signal })).rejects.toThrow('enough');
    await pair.b.send(Uint8Array.of(3));
    expect((await pair.a.receive())?.data).toEqual(Uint8Array.of(3));
  });

  it('refuses what is no message or no descriptor', async () => {
    using pair = connected();
    await expect(pair.a.send('text' as unknown as Uint8Array)).rejects.toThrow(/Uint8Array/);
    await expect(pair.a.send(Uint8Array.of(1), { fds: [1.5, 'x' as unknown as number] })).rejects.toThrow(
      TypeError,
    );
    await expect(pair.a.send(Uint8Array.of(1), { fds: [99_999] })).rejects.toMatchObject({ code: 'EBADF' });
    expect(() => closeFd(-1)).toThrow(RangeError);
    expect(() => closeFd(2 ** 32)).toThrow(RangeError);
  });

  it('gives its descriptors back', async () => {
    const { a, b } = connected();
    const numbers = [a.fd, b.fd];
    expect(await readlink(`/proc/self/fd/${numbers[0]}`)).toMatch(/^socket:/);
    a.close();
    b.close();
    for (const number of numbers) expect(() => fstatSync(number)).toThrow(/EBADF/);
  });
});
