// rdma_cm: connections that are made over RDMA itself, from a node to itself.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { CM_UD_QKEY, connect, listen, listenUd, seekUd } from 'roam-rdma/rdmacm';
import { open } from 'roam-rdma/verbs';

const host = networkInterfaces().eth0.find(({ family }) => family === 'IPv4').address;

/** A QP in INIT with one receive posted, on the device that rdma_cm names. */
function makeEnd({ device, port }) {
  const context = open(device);
  const pd = context.allocPd();
  const qp = pd.createQp({ sendCq: context.createCq() });
  const mr = pd.alloc(4096);
  qp.init({ port });
  const got = qp.recv({ sges: [mr.slice(0, 64)] });
  // It ends with the QP, where nobody sends.
  got.catch(() => {});
  return { context, qp, mr, got };
}

async function firstOf(listener) {
  for await (const request of listener.requests()) return request;
}

/** Both ends of a connection, and what they are made of. */
async function connected(parameters) {
  const listener = listen({ port: 0, host });
  const accepted = firstOf(listener).then(async (request) => {
    const end = makeEnd(request.path);
    return {
      ...end,
      request,
      connection: await request.accept(end.qp, { privateData: Buffer.from('welcome') }),
    };
  });
  let end;
  const connection = await connect({
    host,
    port: listener.port,
    qp: (path) => {
      end = makeEnd(path);
      return end.qp;
    },
    ...parameters,
  });
  return { listener, client: { ...end, connection }, server: await accepted };
}

async function end({ listener, client, server }) {
  await listener.close();
  for (const { connection, context } of [client, server]) {
    await connection.close();
    await context.close();
  }
}

describe('rdma_cm', () => {
  it('connects, with data from both sides, and tells when it ends', async () => {
    const both = await connected({ privateData: Buffer.from('hello') });
    const { client, server } = both;
    assert.equal(server.request.privateData.subarray(0, 5).toString(), 'hello');
    assert.equal(client.connection.privateData.subarray(0, 7).toString(), 'welcome');
    assert.equal(client.connection.remote.address, host);
    assert.equal(client.qp.query().destQpn, server.qp.qpn);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ]) {
      from.mr.bytes.fill(7, 64, 128);
      await from.qp.send({ opcode: 'SEND', sges: [from.mr.slice(64, 64)] });
      assert.equal((await to.got).byteLength, 64);
      assert.equal(to.mr.bytes[63], 7);
    }
    const waiting = server.qp.recv({ sges: [server.mr.slice(0, 64)] });
    await client.connection.close();
    await assert.rejects(waiting, { status: 'WR_FLUSH_ERR' });
    await server.connection.ended;
    await end(both);
  });

  it('a request can be turned away, with a reason', async () => {
    const listener = listen({ port: 0 });
    const turnedAway = firstOf(listener).then((request) => request.reject(Buffer.from('not now')));
    let context;
    await assert.rejects(
      connect({
        host,
        port: listener.port,
        qp: (path) => {
          const made = makeEnd(path);
          context = made.context;
          return made.qp;
        },
      }),
      (error) => error.code === 'CM_REJECTED' && error.privateData.subarray(0, 7).toString() === 'not now',
    );
    await turnedAway;
    await context.close();
    await listener.close();
  });

  it('says why there is no connection', async () => {
    const qp = () => assert.fail('no device is known');
    await assert.rejects(connect({ host: '203.0.113.9', port: 1, qp }), /ENETUNREACH|CM_ADDR_ERROR|status/);
    const busy = listen({ port: 0, host });
    assert.throws(() => listen({ port: busy.port, host }), { code: 'EADDRINUSE' });
    assert.throws(() => listen({ port: 0, host: '203.0.113.9' }), { code: 'EADDRNOTAVAIL' });
    await busy.close();
    const contexts = [];
    await assert.rejects(
      connect({
        host,
        port: busy.port,
        qp: (path) => {
          const made = makeEnd(path);
          contexts.push(made.context);
          return made.qp;
        },
      }),
      { code: 'CM_REJECTED' },
    );
    await contexts[0].close();
  });

  it('waiting for requests ends with the listener, or by a signal', async () => {
    const listener = listen({ port: 0, host });
    const abort = new AbortController();
    const waiting = listener.requests({ signal: abort.signal }).next();
    abort.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
    const other = listener.requests().next();
    await listener.close();
    await listener.close();
    await assert.rejects(other, { code: 'CLOSED' });
  });

  it('a peer that gives up before it is answered leaves nothing behind', async () => {
    const listener = listen({ port: 0, host });
    const abort = new AbortController();
    const contexts = [];
    const gaveUp = assert.rejects(
      connect({
        host,
        port: listener.port,
        signal: abort.signal,
        qp: (path) => {
          const made = makeEnd(path);
          contexts.push(made.context);
          return made.qp;
        },
      }),
      /enough/,
    );
    const request = await firstOf(listener);
    abort.abort(new Error('enough'));
    await gaveUp;
    await new Promise((resolve) => setTimeout(resolve, 200));
    request.reject();
    await listener.close();
    await contexts[0].close();
  });

  it('both ends agree on the READs outstanding', async () => {
    const both = await connected({ initiatorDepth: 2, responderResources: 3 });
    const [client, server] = [both.client.qp.query(), both.server.qp.query()];
    assert.equal(client.maxRdAtomic, server.maxDestRdAtomic);
    assert.equal(server.maxRdAtomic, client.maxDestRdAtomic);
    assert.equal(client.maxRdAtomic, 2);
    await end(both);
  });

  it('many connections at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => connected({})));
    assert.equal(new Set(all.flatMap(({ client, server }) => [client.qp.qpn, server.qp.qpn])).size, 16);
    await Promise.all(all.map(end));
  });
});

describe('rdma_cm for UD', () => {
  const GRH = 40;

  function makeUd(context) {
    const pd = context.allocPd();
    return { pd, qp: pd.createQp({ type: 'UD', sendCq: context.createCq() }), mr: pd.alloc(4096) };
  }

  it('names a QP that many can send to', async () => {
    const context = open();
    const [server, client] = [makeUd(context), makeUd(context)];
    const listener = listenUd({ port: 0, host });
    const asked = [];
    const serving = (async () => {
      for await (const request of listener.requests()) {
        asked.push(request.privateData.subarray(0, 3).toString());
        assert.deepEqual(request.path, { device: context.device, port: 1 });
        request.accept(server.qp, Buffer.from('here'));
        if (asked.length === 2) return;
      }
    })();
    client.qp.modify({ state: 'INIT', port: 1, pkeyIndex: 0, qkey: CM_UD_QKEY });
    client.qp.modify({ state: 'RTR' });
    client.qp.modify({ state: 'RTS', sqPsn: 0 });
    for (const name of ['one', 'two']) {
      const service = await seekUd({ host, port: listener.port, privateData: Buffer.from(name) });
      const { device, qpn, qkey, privateData } = service;
      assert.deepEqual(
        { device, qpn, qkey },
        { device: context.device, qpn: server.qp.qpn, qkey: CM_UD_QKEY },
      );
      assert.equal(privateData.subarray(0, 4).toString(), 'here');
      const ah = client.pd.createAh(service.address);
      const got = server.qp.recv({ sges: [server.mr.slice(0, GRH + 64)] });
      client.mr.bytes.fill(name.charCodeAt(0), 0, 64);
      await client.qp.send({ opcode: 'SEND', sges: [client.mr.slice(0, 64)], ud: { ah, qpn, qkey } });
      const { byteLength, sourceQpn } = await got;
      assert.deepEqual({ byteLength, sourceQpn }, { byteLength: GRH + 64, sourceQpn: client.qp.qpn });
      assert.equal(server.mr.bytes[GRH + 63], name.charCodeAt(0));
      await ah.close();
    }
    await serving;
    assert.deepEqual(asked, ['one', 'two']);
    await listener.close();
    await context.close();
  });

  it('turns away, and tells that nobody is there', async () => {
    const listener = listenUd({ port: 0, host });
    const turnedAway = (async () => {
      for await (const request of listener.requests()) return request.reject();
    })();
    await assert.rejects(seekUd({ host, port: listener.port }), { code: 'CM_UNREACHABLE' });
    await turnedAway;
    assert.throws(() => listenUd({ port: listener.port, host }), { code: 'EADDRINUSE' });
    const { port } = listener;
    await listener.close();
    await assert.rejects(seekUd({ host, port }), { code: 'CM_UNREACHABLE' });
  });
});
