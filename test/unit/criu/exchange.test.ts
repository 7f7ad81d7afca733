import { closeSync, fstatSync, openSync } from 'node:fs';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CriuNotification, exchange, type NotifyHandler } from '../../../src/criu/exchange.js';
import {
  type criu_req,
  criu_req_type,
  criu_reqSchema,
  criu_respSchema,
} from '../../../src/criu/gen/criu-rpc_pb.js';
import { SeqPacket } from '../../../src/sys/index.js';

type Reply = MessageInitShape<typeof criu_respSchema>;

/** Plays the other end of the wire: says `replies` one by one, each after a message, then hangs up. */
async function run(
  replies: Array<Reply & { fds?: number[] }>,
  onNotify?: NotifyHandler,
  signal?: AbortSignal,
) {
  const { socket, peerFd } = SeqPacket.pair();
  const peer = SeqPacket.from(peerFd);
  const received: criu_req[] = [];
  const script = (async () => {
    for (const { fds, ...reply } of replies) {
      const packet = await peer.receive();
      if (packet === undefined) return;
      received.push(fromBinary(criu_reqSchema, packet.data));
      await peer.send(toBinary(criu_respSchema, create(criu_respSchema, reply)), { fds });
    }
    const last = replies.at(-1);
    if (last === undefined) await peer.receive();
    else if (last.type === criu_req_type.NOTIFY) {
      const packet = await peer.receive();
      if (packet !== undefined) received.push(fromBinary(criu_reqSchema, packet.data));
    }
  })().finally(() => peer.close());
  try {
    const request = { type: criu_req_type.DUMP, opts: { imagesDirFd: -1, pid: 7 } };
    const result = await exchange(socket, request, { onNotify, signal });
    await script;
    return { result, received };
  } finally {
    socket.close();
  }
}

const notify = (script: string, pid?: number): Reply => ({
  type: criu_req_type.NOTIFY,
  success: true,
  notify: { script, ...(pid ? { pid } : {}) },
});
const done: Reply = { type: criu_req_type.DUMP, success: true };

describe('exchange', () => {
  it('answers every notification, in order, for any sequence of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ script: fc.string({ maxLength: 2000 }), pid: fc.integer({ min: 1, max: 4e6 }) }),
          {
            maxLength: 12,
          },
        ),
        async (notifications) => {
          const seen: CriuNotification[] = [];
          const replies = [...notifications.map(({ script, pid }) => notify(script, pid)), done];
          const { result, received } = await run(replies, (notification) => {
            seen.push(notification);
          });
          expect(seen.map(({ script, pid }) => ({ script, pid }))).toEqual(notifications);
          expect(result.response?.success).toBe(true);
          expect(result.stage).toBe(notifications.at(-1)?.script);
          const [request, ...answers] = received;
          expect(request?.type).toBe(criu_req_type.DUMP);
          expect(request?.opts).toMatchObject({ imagesDirFd: -1, pid: 7 });
          expect(
            answers.every(({ type, notifySuccess }) => type === criu_req_type.NOTIFY && notifySuccess),
          ).toBe(true);
          expect(answers).toHaveLength(notifications.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('waits for an asynchronous handler before it answers', async () => {
    let finished = false;
    const { received } = await run([notify('post-dump'), done], async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      finished = true;
    });
    expect(finished).toBe(true);
    expect(received[1]?.notifySuccess).toBe(true);
  });

  it('refuses when the handler throws, keeps the first error and asks no more', async () => {
    const asked: string[] = [];
    const failed: Reply = { type: criu_req_type.DUMP, success: false, crErrno: 0, crErrmsg: 'x' };
    const { result, received } = await run(
      [notify('post-dump'), notify('network-unlock'), failed],
      ({ script }) => {
        asked.push(script);
        throw new Error(`no to ${script}`);
      },
    );
    expect(asked).toEqual(['post-dump']);
    expect(result.handlerError).toMatchObject({ message: 'no to post-dump' });
    expect(result.response?.success).toBe(false);
    expect(received.slice(1).map((answer) => answer.notifySuccess)).toEqual([false, true]);
  });

  it('refuses when it is aborted while the handler runs', async () => {
    const controller = new AbortController();
    const failed: Reply = { type: criu_req_type.DUMP, success: false };
    const abort = () => controller.abort(new Error('enough'));
    const { result, received } = await run([notify('post-dump'), failed], abort, controller.signal);
    expect(received[1]?.notifySuccess).toBe(false);
    expect(result.handlerError).toMatchObject({ message: 'enough' });
    expect(result.response?.success).toBe(false);
  });

  it('reports a hangup as no response, at any point', async () => {
    expect((await run([])).result).toEqual({});
    expect((await run([notify('pre-dump')])).result).toEqual({ stage: 'pre-dump' });
  });

  it('hands descriptors to the handler and closes them after it', async () => {
    const file = openSync('/dev/null', 'r');
    let number = -1;
    await run([{ ...notify('orphan-pts-master'), fds: [file] }, done], ({ fds }) => {
      number = fds[0] as number;
      expect(fstatSync(number).rdev).toBe(fstatSync(file).rdev);
    });
    expect(() => fstatSync(number)).toThrow(/EBADF/);
    closeSync(file);
  });

  it('throws on bytes that are no message', async () => {
    const { socket, peerFd } = SeqPacket.pair();
    using peer = SeqPacket.from(peerFd);
    await peer.send(Uint8Array.of(0xff, 0xff, 0xff));
    await expect(exchange(socket, { type: criu_req_type.VERSION })).rejects.toThrow();
    socket.close();
  });
});
