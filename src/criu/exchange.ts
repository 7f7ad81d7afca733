import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { closeFd, type SeqPacket } from '../sys/index.js';
import {
  type criu_req,
  criu_req_type,
  criu_reqSchema,
  type criu_resp,
  criu_respSchema,
} from './gen/criu-rpc_pb.js';

/** An action script that CRIU announces, and waits for. */
export interface CriuNotification {
  /** Name of the script, such as `post-dump`; see criu(8), `--action-script`. */
  script: string;
  /** Root of the tree, with `setup-namespaces` and `post-restore`. */
  pid?: number;
  /** Descriptors that came along (`orphan-pts-master`); closed when the handler is done. */
  fds: readonly number[];
}

/** Runs while CRIU waits. Throwing makes CRIU fail the request and roll back. */
export type NotifyHandler = (notification: CriuNotification) => void | Promise<void>;

/** How a request ended, on a connection that did its part. */
export interface ExchangeResult {
  /** `undefined`: the CRIU process closed the connection without an answer. */
  response?: criu_resp;
  /** Name of the last announced script. */
  stage?: string;
  /** What the handler threw. */
  handlerError?: unknown;
}

/**
 * Sends one request and answers CRIU's notifications until its response comes.
 *
 * @throws {SyscallError} of the socket, or the reason of `signal` when it aborts while CRIU works.
 */
export async function exchange(
  socket: SeqPacket,
  request: MessageInitShape<typeof criu_reqSchema>,
  options: { onNotify?: NotifyHandler; signal?: AbortSignal } = {},
): Promise<ExchangeResult> {
  const { onNotify, signal } = options;
  const result: ExchangeResult = {};
  if (!(await sendOrHangup(socket, request, signal))) return result;

  for (;;) {
    // After a refusal CRIU rolls back, and its answer is awaited whatever the signal says.
    const packet = await receiveOrHangup(socket, result.handlerError === undefined ? signal : undefined);
    if (packet === undefined) return result;
    let answer: MessageInitShape<typeof criu_reqSchema>;
    try {
      const response = fromBinary(criu_respSchema, packet.data);
      if (response.type !== criu_req_type.NOTIFY) return { ...result, response };

      const { script, pid } = response.notify ?? { script: '' };
      result.stage = script;
      answer = { type: criu_req_type.NOTIFY, notifySuccess: true };
      try {
        // CRIU announces network-unlock and the like also while it rolls back: a handler that failed
        // once is not asked again, or its second error would hide the first.
        if (result.handlerError === undefined) {
          await onNotify?.({ script, ...(pid ? { pid } : {}), fds: packet.fds });
          // An abort that comes while the handler runs must not pass as consent.
          signal?.throwIfAborted();
        }
      } catch (error) {
        result.handlerError = error ?? new Error('the notification handler failed');
        answer.notifySuccess = false;
      }
    } finally {
      for (const fd of packet.fds) closeFd(fd);
    }
    if (!(await sendOrHangup(socket, answer, signal))) return result;
  }
}

async function sendOrHangup(
  socket: SeqPacket,
  request: MessageInitShape<typeof criu_reqSchema>,
  signal?: AbortSignal,
): Promise<boolean> {
  const message: criu_req = create(criu_reqSchema, request);
  try {
    await socket.send(toBinary(criu_reqSchema, message), { signal });
    return true;
  } catch (error) {
    if (isHangup(error)) return false;
    throw error;
  }
}

async function receiveOrHangup(socket: SeqPacket, signal?: AbortSignal) {
  try {
    return await socket.receive({ signal });
  } catch (error) {
    if (isHangup(error)) return undefined;
    throw error;
  }
}

/** A peer that died looks like an error when it left something unread, else like an end of stream. */
function isHangup(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'EPIPE' || code === 'ECONNRESET';
}
