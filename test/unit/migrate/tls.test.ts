import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataServer } from '../../../src/migrate/agent/data.js';
import { DataLink } from '../../../src/migrate/data-link.js';
import { dial } from '../../../src/migrate/tls/dial.js';
import { readIdentity, type TlsFiles } from '../../../src/migrate/tls/identity.js';
import { Listener } from '../../../src/migrate/tls/listener.js';
import { TlsSession } from '../../../src/migrate/tls/session.js';
import { AGENT_ORIGIN } from '../../../src/migrate/tls/way-back.js';
import { sendImages } from '../../../src/migrate/transfer.js';
import { Tally } from '../../../src/migrate/wire/tally.js';
import { certOf, dir, filesOf, useCertificates } from './certificates.js';

useCertificates();

/** Speaks first, by IPC, of the socket in its argument; sends back every line, with its way back. */
const AGENT = `if (process.argv[1]) process.send({ data: process.argv[1] });
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) =>
    console.log(JSON.stringify({ line, origin: JSON.parse(process.env.${AGENT_ORIGIN}) })));`;

const lines = (session: TlsSession) => createInterface({ input: session.output })[Symbol.asyncIterator]();

/** Whose OpenSSL is called by the addon: the listener's, and the source's. */
describe.each([
  [true, true],
  [false, false],
  [true, false],
  [false, true],
])('a listener of TLS (by the addon: %s, the source: %s)', (listening, native) => {
  let listener: Listener;
  let port: number;
  let to: string;
  let log: string[];
  let data: DataServer;
  let images: string;

  beforeEach(async () => {
    images = await mkdtemp(join(dir, 'agent-'));
    data = await DataServer.listen(images, 'criu');
    log = [];
    listener = await Listener.start({
      ...filesOf('b', 'a', 'c'),
      listen: { host: '127.0.0.1', port: 0 },
      agent: [process.execPath, '-e', AGENT, data.path],
      log: (line) => log.push(line),
      native: listening,
    });
    ({ port } = listener);
    to = `tls://127.0.0.1:${port}`;
  });

  afterEach(async () => {
    await data.close();
    await listener.close();
  });

  const open = (own: TlsFiles) => TlsSession.open(to, own, { native });

  it('gives a source an agent of its own, and ends with it', async () => {
    const session = await open(filesOf('a', 'b'));
    const answers = lines(session);
    session.input.write('one\ntwo\n');
    expect(JSON.parse((await answers.next()).value)).toMatchObject({ line: 'one', origin: { port } });
    expect(JSON.parse((await answers.next()).value).line).toBe('two');
    session.input.end();
    expect(await session.ended).toMatchObject({ code: 'AGENT_GONE' });
    expect(log).toEqual([]);
  });

  it('takes data, each stream on a connection of its own', async () => {
    const source = await mkdtemp(join(dir, 'source-'));
    await mkdir(join(source, 'images'));
    const content = Buffer.alloc(3_000_000, 'memory of a process, and more of it; ');
    await writeFile(join(source, 'images/pages-1.img'), content);
    const session = await open(filesOf('a', 'b'));
    const way = {
      connect: () => session.connectData(),
      failure: async () => new Error('hung up') as never,
      close: async () => {},
    };
    const tally = new Tally('tls', 'zstd');
    const link = new DataLink(way, { mode: 'zstd', tally });
    await Promise.all([sendImages(link, 'b', source, []), sendImages(link, 'b', source, [])]);
    expect((await readFile(join(images, 'images/pages-1.img'))).equals(content)).toBe(true);
    expect(tally.report().wireBytes).toBeLessThan(tally.bytes / 10);
    session.kill();
    await session.ended;
  });

  it('refuses a foreign certificate, and both sides say so', async () => {
    await expect(open(filesOf('stranger', 'b'))).rejects.toMatchObject({
      code: 'TLS_REFUSED',
      message: expect.stringMatching(/^tls:.* refused this host: its certificate \(SHA-256 ([0-9A-F]{2}:)+/),
      remedy: expect.stringContaining('--peer-cert'),
    });
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/^127\.0\.0\.1:\d+: refused: its certificate \(SHA-256 /);
  });

  it('refuses who shows no certificate, before it has read a byte', async () => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.write('{"open":"agent"}\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(JSON.parse(answer.toString())).toEqual({ error: 'it shows no certificate' });
    socket.destroy();
  });

  it('speaks nothing older than TLS 1.3', async () => {
    const { cert, key } = await readIdentity(filesOf('a', 'b'));
    const socket = connect({
      port,
      host: '127.0.0.1',
      cert,
      key,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
    });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toMatch(/protocol version/);
    await expect.poll(() => log.join()).toContain('no handshake');
  });

  it('is not trusted when it shows another certificate, and hears nothing then', async () => {
    await expect(open(filesOf('a', 'c'))).rejects.toMatchObject({ code: 'TLS_PEER_UNKNOWN' });
    await expect.poll(() => log).toHaveLength(1);
    expect(log[0]).toContain('the connection ended before its order');
  });

  it('ties data to the session and to the certificate that opened it', async () => {
    const own = await readIdentity(filesOf('a', 'b'));
    const other = await readIdentity(filesOf('c', 'b'));
    const endpoint = { host: '127.0.0.1', port };
    const { channel, answer } = await dial(endpoint, own, { open: 'agent' }, { native });
    const session = answer.session as string;
    expect(session).toMatch(/^[0-9a-f]{64}$/);
    const guessed = session.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    for (const [identity, token] of [
      [own, guessed],
      [other, session],
    ] as const)
      for (const open of ['data', 'alive'] as const)
        await expect(dial(endpoint, identity, { open, session: token }, { native })).rejects.toMatchObject({
          code: 'TLS_REFUSED',
          message: expect.stringContaining('there is no such session'),
        });
    const right = await dial(endpoint, own, { open: 'data', session }, { native });
    right.channel.close();
    channel.close();
    // It is over with its agent.
    await expect
      .poll(() => dial(endpoint, own, { open: 'alive', session }, { native }).catch((error) => error.code), {
        timeout: 5000,
      })
      .toBe('TLS_REFUSED');
  });

  it('forgets a certificate when its file goes, and no other', async () => {
    const [own, other] = [await readIdentity(filesOf('a', 'b')), await readIdentity(filesOf('c', 'b'))];
    const endpoint = { host: '127.0.0.1', port };
    const pem = await readFile(certOf('c'));
    await rm(certOf('c'));
    await expect(dial(endpoint, other, { open: 'agent' }, { native })).rejects.toMatchObject({
      code: 'TLS_REFUSED',
    });
    (await dial(endpoint, own, { open: 'agent' }, { native })).channel.close();
    await writeFile(certOf('c'), pem);
    (await dial(endpoint, other, { open: 'agent' }, { native })).channel.close();
  });

  it('ends a source that is gone without a word, and its data with it', async () => {
    const session = await open(filesOf('a', 'b'));
    const channel = await session.connectData();
    const reading = channel.fill(Buffer.alloc(1)).catch(() => false);
    session.kill();
    expect(await reading).toBe(false);
    expect(channel.closed).toBe(true);
    await expect(session.connectData()).rejects.toMatchObject({ code: 'TLS_FAILED' });
  });

  it('that is not there is told as such', async () => {
    await listener.close();
    await expect(open(filesOf('a', 'b'))).rejects.toMatchObject({
      code: 'TLS_FAILED',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe.each([true, false])('strangers at a listener (OpenSSL called by the addon: %s)', (native) => {
  const start = (log: string[], timeoutMs?: number) =>
    Listener.start({
      ...filesOf('b', 'a'),
      listen: { host: '127.0.0.1', port: 0 },
      agent: ['cat'],
      log: (line) => log.push(line),
      native,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });

  it('hangs up on who says nothing, before the handshake and after it', async () => {
    const log: string[] = [];
    const listener = await start(log, 300);
    const silent = connectPlain(listener.port, '127.0.0.1');
    await once(silent, 'close');
    const { cert, key } = await readIdentity(filesOf('a', 'b'));
    const idle = connect({ port: listener.port, host: '127.0.0.1', cert, key, rejectUnauthorized: false });
    idle.on('error', () => {});
    await once(idle, 'close');
    await expect
      .poll(() => log)
      .toEqual([
        expect.stringMatching(/^127\.0\.0\.1:\d+: no handshake: nothing came in 0\.3 s$/),
        expect.stringMatching(/^127\.0\.0\.1:\d+: nothing came of it: /),
      ]);
    await listener.close();
  });

  it('takes no more than 256 at once, and more when they are gone', async () => {
    const log: string[] = [];
    const listener = await start(log);
    const idle = await Promise.all(
      Array.from({ length: 256 }, async () => {
        const socket = connectPlain(listener.port, '127.0.0.1').on('error', () => {});
        await once(socket, 'connect');
        return socket;
      }),
    );
    const own = await readIdentity(filesOf('a', 'b'));
    const endpoint = { host: '127.0.0.1', port: listener.port };
    await expect(dial(endpoint, own, { open: 'agent' })).rejects.toMatchObject({
      code: 'TLS_FAILED',
    });
    for (const socket of idle) socket.destroy();
    await expect.poll(() => log.length).toBe(256);
    (await dial(endpoint, own, { open: 'agent' })).channel.close();
    await listener.close();
  });
});
