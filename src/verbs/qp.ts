import { VerbsError } from '../errors.js';
import { verbs, verbsCall } from './addon.js';
import { type WorkCompletion, WorkCompletionError } from './completion.js';
import {
  type ConnectOptions,
  connectAttributes,
  type Endpoint,
  type InitOptions,
  initAttributes,
  newPsn,
} from './connection.js';
import type { Cq } from './cq.js';
import type { CqCore } from './cq-core.js';
import { type QpState, type QpType, qpStateName } from './enums.js';
import { gidBytes } from './gid.js';
import { type HandshakeOptions, type HandshakeResult, handshake } from './handshake.js';
import { type QpMigrationState, qpMigrationState, resumeQps, stopQps } from './migration.js';
import type { NativeQpHandle, QpCap } from './native-objects.js';
import { VerbsObject } from './ownership.js';
import type { Pd } from './pd.js';
import { nativeAttributes, type QpAttributes, type QpQuery, queryResult } from './qp-attributes.js';
import { createQp, type QpOptions } from './qp-create.js';
import { posted } from './qp-promises.js';
import { judgeTransition, QpTransitionError } from './qp-transitions.js';
import { ReceiveBatch, type ReceiveRequest } from './receive-batch.js';
import type { ContextScope } from './scope.js';
import { SendBatch } from './send-batch.js';
import type { SendRequest } from './work-request.js';

/** A queue pair, ibv_create_qp(3). */
export class Qp extends VerbsObject {
  /** @internal */
  readonly native: NativeQpHandle;
  readonly type: QpType;
  readonly #scope: ContextScope;
  readonly #sendCq?: Cq;
  readonly #recvCq?: Cq;
  readonly #cqs: readonly CqCore[];
  readonly #sends: SendBatch;
  readonly #receives: ReceiveBatch;
  #psn = newPsn();
  /** In ERR, or since a request failed: rxe flushes receives posted to a QP in ERR only when it is told again. */
  #failed = false;

  /** @internal Use `pd.createQp()`, or `context.createXrcTarget()`. */
  constructor(scope: ContextScope, pd: Pd | undefined, options: QpOptions) {
    const { native, life, type, sendCq, recvCq, cqs } = createQp(scope, pd, options);
    super(life);
    this.native = native;
    this.type = type;
    this.#scope = scope;
    this.#sendCq = sendCq;
    this.#recvCq = recvCq;
    this.#cqs = cqs;
    this.#sends = new SendBatch(native, this.life);
    this.#receives = new ReceiveBatch(native, native.cap.maxRecvSge);
    scope.track(native.id, this);
  }

  get qpn(): number {
    return this.native.qpn;
  }

  /** Sizes of its queues as the driver made them. */
  get cap(): Required<QpCap> {
    return this.native.cap;
  }

  /** Verbs state, asked of the device. */
  get state(): QpState | `UNKNOWN(${number})` {
    return this.query().state;
  }

  /** All that the device tells of it, ibv_query_qp(3). */
  query(): QpQuery {
    this.life.check();
    return queryResult(verbsCall(this.life.what, () => verbs().qpQuery(this.native)));
  }

  /**
   * Changes it, ibv_modify_qp(3).
   *
   * @throws {QpTransitionError} that tells which attributes are missing, which are too many, or that the
   * device refused a value. @throws {VerbsError} for anything but `EINVAL`
   */
  modify(attributes: QpAttributes): void {
    this.life.check();
    const native = nativeAttributes(attributes);
    // RESET forgets what was posted, and would leave completions of the past in the CQ.
    if (attributes.state === 'RESET') for (const cq of this.#cqs) cq.drain();
    try {
      verbsCall(`${this.life.what} cannot be modified`, () => verbs().qpModify(this.native, native));
      if (attributes.state === 'RESET') for (const cq of this.#cqs) cq.abandon(this.native, this.qpn);
      if (attributes.state !== undefined) this.#failed = attributes.state === 'ERR';
    } catch (error) {
      if (!(error instanceof VerbsError) || error.code !== 'EINVAL') throw error;
      const current = qpStateName(verbs().qpQuery(this.native).state) as QpState;
      const given = (Object.keys(attributes) as (keyof QpAttributes)[]).filter(
        (name) => attributes[name] !== undefined,
      );
      const fault = judgeTransition(this.type, current, attributes.state ?? current, given);
      throw new QpTransitionError(this.life.what, fault, { cause: error });
    }
  }

  /**
   * What a peer needs to connect to it.
   *
   * @param gidIndex Own GID; its index in the table of port 1.
   */
  endpoint(gidIndex: number, port = 1): Endpoint {
    this.life.check();
    const attributes = verbsCall('the port', () => verbs().contextPort(this.#scope.native, port));
    const gids = verbsCall('the GIDs', () => verbs().contextGids(this.#scope.native));
    const gid = gids.find((entry) => entry.index === gidIndex && entry.port === port)?.gid;
    if (gid === undefined)
      throw new RangeError(`${this.#scope.device} has no GID ${gidIndex} on port ${port}`);
    return { qpn: this.qpn, psn: this.#psn, gid, lid: attributes.lid, mtu: attributes.mtu };
  }

  /** Brings an RC or UC QP from RESET to INIT: from then on receives can be posted. */
  init(options: InitOptions = {}): void {
    this.modify(initAttributes(options));
  }

  /** Connects an RC or UC QP that is in RESET or INIT: to RTR and RTS. */
  connect(remote: Endpoint, options: ConnectOptions): void {
    const local = this.endpoint(options.gidIndex, options.port);
    const steps = connectAttributes(this.type, local, remote, options);
    if (this.state !== 'INIT') this.init(options);
    for (const attributes of steps) this.modify(attributes);
    // Another connection begins elsewhere, or it might take packets of this one for its own.
    this.#psn = newPsn();
  }

  /**
   * Exchanges endpoints with the peer over a connected stream, and connects. When it resolves both ends
   * are in RTS. The stream stays usable.
   *
   * @throws {RoamError} `HANDSHAKE` when the peer says something else, or nothing
   */
  handshake(socket: import('node:stream').Duplex, options: HandshakeOptions): Promise<HandshakeResult> {
    return handshake(this, socket, options);
  }

  /** Posts requests to send, ibv_post_send(3). @throws {VerbsError} `ENOMEM`, `EINVAL`; see `SendBatch.post` */
  postSend(...requests: SendRequest[]): void {
    this.life.check();
    this.#sends.postNow(requests);
  }

  /** Posts receives, ibv_post_recv(3). @throws {VerbsError} `ENOMEM`: the queue is full */
  postRecv(...requests: ReceiveRequest[]): void {
    this.life.check();
    this.#receives.postNow(requests);
  }

  /** Requests that are encoded once and posted many times. */
  prepareSends(): SendBatch {
    this.life.check();
    return new SendBatch(this.native, this.life);
  }

  prepareReceives(): ReceiveBatch {
    this.life.check();
    return new ReceiveBatch(this.native, this.cap.maxRecvSge);
  }

  /**
   * Posts one request and resolves when it is complete. The CQ needs a completion channel, or someone
   * who polls it.
   *
   * @throws {WorkCompletionError} @throws the signal's reason; the request goes on all the same
   */
  async send(
    request: SendRequest & { wrId?: never; signaled?: true },
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<WorkCompletion> {
    this.life.check();
    const cq = this.#sendCq as Cq;
    const signaled = request.signaled === undefined ? request : { ...request, signaled: true as const };
    return this.#watched(
      posted(cq.core, this.native, this, signal, (wrId) => this.#sends.postNow([signaled], wrId)),
    );
  }

  /** Posts a receive and resolves when a message has come; see {@link send}. */
  async recv(
    request: ReceiveRequest & { wrId?: never },
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<WorkCompletion> {
    this.life.check();
    const cq = this.#recvCq as Cq;
    return this.#watched(
      posted(cq.core, this.native, this, signal, (wrId) => {
        this.#receives.postNow([request], wrId);
        if (this.#failed) this.modify({ state: 'ERR' });
      }),
    );
  }

  /** Joins a multicast group, ibv_attach_mcast(3); UD only. */
  attachMulticast(gid: string, lid = 0): void {
    this.life.check();
    verbsCall(this.life.what, () => verbs().qpAttachMcast(this.native, gidBytes(gid), lid));
  }

  detachMulticast(gid: string, lid = 0): void {
    this.life.check();
    verbsCall(this.life.what, () => verbs().qpDetachMcast(this.native, gidBytes(gid), lid));
  }

  /** What it does about migration, asked of the module. */
  get migrationState(): QpMigrationState {
    this.life.check();
    return qpMigrationState(this.#scope, this.qpn);
  }

  /**
   * What it does about migration, now and whenever that changes. Changes that follow each other fast may be
   * told as one. On another module: `unsupported`, and that is all.
   *
   * @throws {RoamError} `CLOSED` when the QP is closed meanwhile @throws the signal's reason
   */
  migrationStates({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<QpMigrationState, void, void> {
    this.life.check();
    return this.#scope.migration.states(this.life, this.qpn, signal);
  }

  /** Stops it as for a migration: it sends nothing, its peer pauses. @throws {RoamError} `ROAM_UNSUPPORTED` */
  stop(): void {
    this.life.check();
    stopQps(this.#scope, this.qpn);
  }

  /** Lets it go on after {@link stop}, and tells the peer. @throws {RoamError} `ROAM_UNSUPPORTED` */
  resume(): void {
    this.life.check();
    resumeQps(this.#scope, this.qpn);
  }

  async #watched(completion: Promise<WorkCompletion>): Promise<WorkCompletion> {
    try {
      return await completion;
    } catch (error) {
      if (error instanceof WorkCompletionError) this.#failed = true;
      throw error;
    }
  }
}
