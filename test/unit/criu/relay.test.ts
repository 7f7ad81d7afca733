import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  criu_optsSchema,
  criu_req_type,
  criu_reqSchema,
  criu_respSchema,
} from '../../../src/criu/gen/criu-rpc_pb.js';
import { CriuClient } from '../../../src/criu/relay.js';
import { closeFd, SeqPacket } from '../../../src/sys/index.js';

/** Field 23 of criu_opts, ext_mnt, which our description leaves out: a message of one string. */
const EXT_MNT = new Uint8Array([0xba, 0x01, 0x07, 0x0a, 0x05, ...Buffer.from('/data')]);

const version = { major: 4, minor: 1, sublevel: 1 };
const own = { version: async () => version };

const send = (to: SeqPacket, message: MessageInitShape<typeof criu_respSchema>) =>
  to.send(toBinary(criu_respSchema, create(criu_respSchema, message)));

async function receiveRequest(from: SeqPacket) {
  const packet = await from.receive();
  return packet && fromBinary(criu_reqSchema, packet.data);
}

async function receiveAnswer(from: SeqPacket) {
  const packet = await from.receive();
  return packet && fromBinary(criu_respSchema, packet.data);
}

describe('a client that takes us for CRIU', () => {
  let client: SeqPacket;
  let taken: number;
  let criu: { ours: SeqPacket; its: SeqPacket };
  let imagesDir: string;

  beforeEach(async () => {
    const pair = SeqPacket.pair();
    client = pair.socket;
    taken = pair.peerFd;
    const { socket, peerFd } = SeqPacket.pair();
    criu = { ours: socket, its: SeqPacket.from(peerFd) };
    imagesDir = await mkdtemp(join(tmpdir(), 'roam-relay-'));
  });

  afterEach(async () => {
    for (const socket of [client, criu.ours, criu.its]) socket.close();
    await rm(imagesDir, { recursive: true });
  });

  /** This process plays the one that the client has started. */
  const take = () => CriuClient.take(process.pid, taken, own);

  async function dumping(more: MessageInitShape<typeof criu_optsSchema> = { notifyScripts: true }) {
    const numbers = { imagesDirFd: 99, workDirFd: 98, logLevel: 1 };
    const opts = create(criu_optsSchema, { ...numbers, root: '/srv/root', ...more });
    const request = create(criu_reqSchema, { type: criu_req_type.DUMP, opts });
    const known = toBinary(criu_optsSchema, opts);
    // As a client that knows more fields than we.
    (request.opts as { $unknown?: unknown }).$unknown = fromBinary(
      criu_optsSchema,
      new Uint8Array([...known, ...EXT_MNT]),
    ).$unknown;
    await client.send(toBinary(criu_reqSchema, request));
    return (await take()) as CriuClient;
  }

  it('is told the version, and nothing follows', async () => {
    await client.send(toBinary(criu_reqSchema, create(criu_reqSchema, { type: criu_req_type.VERSION })));
    expect(await take()).toBeUndefined();
    expect(await receiveAnswer(client)).toMatchObject({
      type: criu_req_type.VERSION,
      success: true,
      version: { majorNumber: 4, minorNumber: 1, sublevel: 1 },
    });
  });

  it('gets what it asked for with our options over its own, and consents after us', async () => {
    using from = await dumping();
    const order: string[] = [];
    const performed = from.perform(
      criu.ours,
      { imagesDir, logFile: 'dump.log', logLevel: 4 },
      { onNotify: async ({ script }) => void order.push(`we: ${script}`) },
    );
    const request = await receiveRequest(criu.its);
    expect(request?.opts).toMatchObject({ root: '/srv/root', logLevel: 4, notifyScripts: true });
    expect(request?.opts?.imagesDirFd).not.toBe(99);
    expect(
      Buffer.from(toBinary(criu_optsSchema, request?.opts as never)).includes(Buffer.from(EXT_MNT)),
    ).toBe(true);
    expect(Object.hasOwn(request?.opts as object, 'workDirFd')).toBe(false);

    await send(criu.its, { type: criu_req_type.NOTIFY, success: true, notify: { script: 'post-dump' } });
    expect((await receiveAnswer(client))?.notify?.script).toBe('post-dump');
    order.push('client');
    await client.send(
      toBinary(criu_reqSchema, create(criu_reqSchema, { type: criu_req_type.NOTIFY, notifySuccess: true })),
    );
    expect((await receiveRequest(criu.its))?.notifySuccess).toBe(true);
    expect(order).toEqual(['we: post-dump', 'client']);
    await send(criu.its, { type: criu_req_type.DUMP, success: true });
    expect((await receiveAnswer(client))?.success).toBe(true);
    expect((await performed).success).toBe(true);
  });

  it('hears of no notification that it has not asked for', async () => {
    using from = await dumping({});
    const heard: string[] = [];
    const performed = from.perform(
      criu.ours,
      { imagesDir, logFile: 'dump.log' },
      { onNotify: async ({ script }) => void heard.push(script) },
    );
    expect((await receiveRequest(criu.its))?.opts?.notifyScripts).toBe(true);
    await send(criu.its, { type: criu_req_type.NOTIFY, success: true, notify: { script: 'post-dump' } });
    expect((await receiveRequest(criu.its))?.notifySuccess).toBe(true);
    await send(criu.its, { type: criu_req_type.DUMP, success: true });
    expect((await receiveAnswer(client))?.type).toBe(criu_req_type.DUMP);
    await performed;
    expect(heard).toEqual(['post-dump']);
  });

  it('is hung up on when CRIU ends while it waits for us', async () => {
    // Plays the CRIU that the client has started.
    const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', taken] });
    const opts = create(criu_optsSchema, { imagesDirFd: 99, notifyScripts: true });
    await client.send(toBinary(criu_reqSchema, create(criu_reqSchema, { type: criu_req_type.DUMP, opts })));
    using from = (await CriuClient.take(child.pid as number, 3, own)) as CriuClient;
    closeFd(taken);
    const onNotify = async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
      await sleep(50);
    };
    const performed = from.perform(criu.ours, { imagesDir, logFile: 'dump.log' }, { onNotify });
    performed.catch(() => {});
    await receiveRequest(criu.its);
    await send(criu.its, { type: criu_req_type.NOTIFY, success: true, notify: { script: 'post-dump' } });
    // The client hears nothing of post-dump, but the end.
    expect(await client.receive()).toBeUndefined();
    criu.its.close();
    await expect(performed).rejects.toThrow(/given up at post-dump: the CRIU process has ended/);
  });

  it.each(['we refuse', 'the client has ended'])('goes nowhere when %s', async (who) => {
    using from = await dumping();
    const refuses = who === 'we refuse';
    const performed = from.perform(
      criu.ours,
      { imagesDir, logFile: 'dump.log' },
      {
        onNotify: async () => {
          if (refuses) throw new Error('not now');
        },
      },
    );
    performed.catch(() => {});
    await receiveRequest(criu.its);
    if (!refuses) client.close();
    await send(criu.its, { type: criu_req_type.NOTIFY, success: true, notify: { script: 'post-dump' } });
    expect((await receiveRequest(criu.its))?.notifySuccess).toBe(false);
    await send(criu.its, { type: criu_req_type.DUMP, success: false });
    if (refuses)
      expect(await receiveAnswer(client)).toMatchObject({ type: criu_req_type.DUMP, success: false });
    await expect(performed).rejects.toMatchObject({ code: 'CRIU_CANCELLED' });
  });
});
