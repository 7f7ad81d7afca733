// TLS by the addon: bytes in whatever pieces, ends at any moment, and what is no TLS. For the sanitizers; what it
// answers in each case is in the unit tests.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';

// Not of the package's interface.
const { ByteSocket, canSecure } = await import('/usr/lib/roam/package/dist/sys/index.js');

const dir = mkdtempSync(join(tmpdir(), 'secure-'));
after(() => rmSync(dir, { recursive: true }));

function credentials(name, kind) {
  const [crt, key] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
  const args = `req -x509 -newkey ${kind} -nodes -days 9 -subj /CN=${name} -keyout ${key} -out ${crt}`;
  execFileSync('openssl', args.split(' '), { stdio: 'ignore' });
  return {
    cert: new X509Certificate(readFileSync(crt)).raw,
    key: createPrivateKey(readFileSync(key)).export({ type: 'pkcs8', format: 'der' }),
  };
}
const a = credentials('a', 'ec -pkeyopt ec_paramgen_curve:prime256v1');
const b = credentials('b', 'rsa:2048');

async function sockets() {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const near = connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true });
  near.on('error', () => {});
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
  server.close();
  return [near, far];
}

/** The handshake of the end that has connected, 0, or of the other one, 1. */
const secured = (end, i) => end.secure(i === 0 ? { server: false, ...a } : { server: true, ...b });

async function pair() {
  const ends = (await sockets()).map((socket) => ByteSocket.take(socket));
  const shown = await Promise.all(ends.map(secured));
  assert.deepEqual(shown, [b.cert, a.cert]);
  return ends;
}

describe('TLS', () => {
  it('is there', () => assert.ok(canSecure()));

  it('brings bytes in whatever pieces, both ways', async () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 200_000 })), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (written, asked) => {
        const ends = await pair();
        const parts = written.map((size) => randomBytes(size));
        const whole = Buffer.concat(parts);
        const receive = async (end) => {
          for (let at = 0, i = 0; at < whole.length; i++) {
            const piece = Buffer.alloc(Math.min(whole.length - at, asked[i % asked.length]));
            assert.ok(await end.fill(piece));
            assert.ok(piece.equals(whole.subarray(at, at + piece.length)));
            at += piece.length;
          }
          assert.equal(await end.some(Buffer.alloc(9)), 0);
        };
        const send = (end) => Promise.all([...parts.map((part) => end.write(part)), end.end()]);
        await Promise.all(ends.flatMap((end) => [send(end), receive(end)]));
        for (const end of ends) end.close();
      }),
      { numRuns: 5 },
    );
  });

  it('ends at any moment of handshake, read and write', async () => {
    const moments = fc.tuple(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 12 }));
    await fc.assert(
      fc.asyncProperty(moments, async ([which, ms]) => {
        const ends = (await sockets()).map((socket) => ByteSocket.take(socket));
        const work = ends.map(async (end, i) => {
          await secured(end, i);
          await Promise.all([end.write(randomBytes(2_000_000)), end.fill(Buffer.alloc(2_000_000))]);
        });
        const done = Promise.allSettled(work);
        await sleep(ms);
        ends[which].close();
        await sleep(ms);
        ends[1 - which].close();
        // Done or refused; what is left waiting keeps the test from ending.
        await done;
      }),
      { numRuns: 20 },
    );
  });

  it('gives up on what is no handshake, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), fc.boolean(), async (bytes, isTls) => {
        const [near, far] = await sockets();
        const end = ByteSocket.take(far);
        const shown = end.secure({ server: true, ...b });
        near.end(isTls ? Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), bytes]) : bytes);
        near.resume();
        await assert.rejects(shown);
        end.close();
        near.destroy();
      }),
      { numRuns: 30 },
    );
  });

  it('takes no key that is another, nor one that is none', async () => {
    for (const wrong of [
      { ...a, key: b.key },
      { ...a, key: Buffer.from('key') },
      { ...a, cert: randomBytes(40) },
    ]) {
      const [near, far] = await sockets();
      const end = ByteSocket.take(far);
      await assert.rejects(end.secure({ server: true, ...wrong }));
      end.close();
      near.destroy();
    }
  });

  it('is let go by who forgets to close it', async () => {
    for (let i = 0; i < 10; i++) {
      const ends = await pair();
      await ends[0].write(randomBytes(1000));
    }
    for (let i = 0; i < 3; i++) {
      globalThis.gc();
      await sleep(20);
    }
  });
});
