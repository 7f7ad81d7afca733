// A CRIU that another program asks: its request is seen, changed, and answered as it would have been.
import { create, fromBinary, isFieldSet, toBinary } from '@bufbuild/protobuf';
import { CriuError } from '../errors.js';
import { closeFd, PidFd, SeqPacket } from '../sys/index.js';
import { type ExchangeResult, exchange, type NotifyHandler } from './exchange.js';
import { criuFailure } from './failure.js';
import {
  type criu_opts,
  criu_optsSchema,
  type criu_req,
  criu_req_type,
  criu_reqSchema,
  type criu_resp,
  criu_respSchema,
} from './gen/criu-rpc_pb.js';
import { CriuLog } from './log.js';
import { type CriuOptions, prepareOptions } from './options.js';

/** What a client sends before or beside its request, and what is answered. */
export interface ClientCriu {
  version(): Promise<{ major: number; minor: number; sublevel: number; gitId?: string }>;
}

/** How long CRIU's last answer may be under way after it has ended. */
const LAST_WORDS_MS = 300;

/** The connection of a client that takes us for its CRIU. */
export class CriuClient implements Disposable {
  private constructor(
    private readonly socket: SeqPacket,
    private readonly pidfd: PidFd,
    /** Its request. */
    readonly request: criu_req,
  ) {}

  /**
   * Takes the socket `fd` of the process `pid`, which the client has started as its CRIU, and reads the request.
   * One for the version is answered at once.
   *
   * @returns undefined when it was one for the version, and nothing follows
   * @throws SyscallError when there is no such process or descriptor
   */
  static async take(pid: number, fd: number, own: ClientCriu): Promise<CriuClient | undefined> {
    const pidfd = PidFd.open(pid);
    let socket: SeqPacket | undefined;
    let client: CriuClient | undefined;
    try {
      socket = SeqPacket.from(pidfd.getFd(fd));
      const packet = await socket.receive();
      const request = packet && fromBinary(criu_reqSchema, packet.data);
      if (request && request.type !== criu_req_type.VERSION) client = new CriuClient(socket, pidfd, request);
      else if (request) await tellVersion(socket, own);
      return client;
    } finally {
      if (!client) {
        socket?.close();
        pidfd.close();
      }
    }
  }

  /**
   * Lets CRIU do what the client wants, with `ours` over its options (the directory of the images must be among
   * them). Notifications come to us, then to the client; either may refuse. The process that the client has started must have become CRIU, at the other end of `criu`.
   *
   * @throws {CriuError} as those of {@link Criu.dump} and {@link Criu.restore}
   */
  async perform(
    criu: SeqPacket,
    ours: CriuOptions,
    options: { onNotify?: NotifyHandler; signal?: AbortSignal } = {},
  ): Promise<criu_resp> {
    const type = criu_req_type[this.request.type];
    const theirs = this.request.opts ? setFields(this.request.opts) : {};
    // Numbers of the client's descriptors. `ours` names the directory of the images, and the log goes there too.
    delete theirs.imagesDirFd;
    delete theirs.workDirFd;
    const { opts, workDirectory, release } = await prepareOptions(type, {
      ...theirs,
      ...ours,
    } as CriuOptions);
    // What our description of the interface does not have goes along as it came.
    opts.$unknown = this.request.opts?.$unknown;
    try {
      const log = await CriuLog.expect(workDirectory, opts.logFile);
      const request = { type: this.request.type, opts };
      const result = await this.#exchange(criu, request, options);
      if (result.response) await this.#tell(result.response).catch(() => {});
      if (result.response?.success) return result.response;
      this.socket.close();
      throw criuFailure({
        type,
        result,
        logText: await log.read(),
        logPath: log.path,
        stderr: '',
        exit: { exitCode: null, signal: null },
      });
    } finally {
      await release();
    }
  }

  /** Answers a request for a dump as if it had been made. */
  async pretend(): Promise<void> {
    // libcriu looks into `dump` without asking whether it is there.
    const answer = { type: this.request.type, success: true, dump: { restored: false } };
    await this.#tell(create(criu_respSchema, answer as never));
  }

  /** Hangs up on the client, which takes that for the end of CRIU. Idempotent. */
  close(): void {
    this.socket.close();
    this.pidfd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #exchange(
    criu: SeqPacket,
    request: { type: criu_req_type; opts: criu_opts },
    { onNotify, signal }: { onNotify?: NotifyHandler; signal?: AbortSignal },
  ): Promise<ExchangeResult> {
    // The client has the other end of `criu` too: the end of CRIU shows there only when the client has ended, which
    // it does when it is hung up on.
    const watching = new AbortController();
    let isGone = false;
    const ended = this.pidfd.exited({ signal: watching.signal }).then(
      () => {
        isGone = true;
        return setTimeout(() => this.socket.close(), LAST_WORDS_MS);
      },
      () => undefined,
    );
    try {
      return await exchange(criu, request, {
        ...(signal ? { signal } : {}),
        onNotify: async (notification) => {
          await onNotify?.(notification);
          const { script, pid, fds } = notification;
          if (isGone) throw this.#failure('the CRIU process has ended', script);
          // A client that did not ask for notifications (libcriu's, without a callback) takes one for a failure.
          if (!this.request.opts?.notifyScripts) return;
          const notify = { script, ...(pid ? { pid } : {}) };
          const answer = { type: criu_req_type.NOTIFY, success: true, notify };
          await this.#tell(create(criu_respSchema, answer as never), fds);
          await this.#consent(script);
        },
      });
    } finally {
      watching.abort();
      clearTimeout(await ended);
    }
  }

  async #tell(answer: criu_resp, fds: readonly number[] = []): Promise<void> {
    await this.socket.send(toBinary(criu_respSchema, answer), { fds });
  }

  /** @throws CriuError when the client is gone, or does not want to go on */
  async #consent(script: string): Promise<void> {
    const packet = await this.socket.receive();
    for (const fd of packet?.fds ?? []) closeFd(fd);
    const answer = packet && fromBinary(criu_reqSchema, packet.data);
    if (answer?.notifySuccess) return;
    throw this.#failure(`the program that runs CRIU ${answer ? 'refused to go on' : 'has ended'}`, script);
  }

  #failure(words: string, stage: string): CriuError {
    return new CriuError(words, { type: criu_req_type[this.request.type], stage });
  }
}

async function tellVersion(socket: SeqPacket, own: ClientCriu): Promise<void> {
  const { major, minor, sublevel, gitId } = await own.version();
  const version = { majorNumber: major, minorNumber: minor, sublevel, ...(gitId ? { gitid: gitId } : {}) };
  const answer = { type: criu_req_type.VERSION, success: true, version };
  await socket.send(toBinary(criu_respSchema, create(criu_respSchema, answer as never)));
}

/** The fields that are set, for use as defaults. */
function setFields(opts: criu_opts): CriuOptions {
  const fields = criu_optsSchema.fields.filter((field) => isFieldSet(opts, field));
  const values = opts as unknown as Record<string, unknown>;
  return Object.fromEntries(fields.map(({ localName }) => [localName, values[localName]])) as CriuOptions;
}
