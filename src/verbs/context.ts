import { RoamError, VerbsError } from '../errors.js';
import { verbs, verbsCall } from './addon.js';
import { type AsyncEvent, AsyncEvents } from './async-events.js';
import { bestGid, type GidChoice } from './best-gid.js';
import { CompletionChannel } from './channel.js';
import { Cq, type CqOptions } from './cq.js';
import type { DeviceAttributes } from './device-attributes.js';
import { type GidInfo, listDevices } from './devices.js';
import { resumeQps, stopQps } from './migration.js';
import { type AfterRestore, type BeforeDump, MigrationWatch } from './migration-watch.js';
import type { NativeContextHandle, NativePort, QpCap } from './native-objects.js';
import { Life, VerbsObject } from './ownership.js';
import { Pd } from './pd.js';
import { Qp } from './qp.js';
import { ContextScope } from './scope.js';
import { Xrcd } from './xrcd.js';

/** State and sizes of a port, ibv_query_port(3); MTUs in bytes. */
export type PortAttributes = NativePort;

/** An open RDMA device: what everything else is made from. It belongs to the thread that opened it. */
export class Context extends VerbsObject {
  /** RDMA device, such as `rxe0`. */
  readonly device: string;
  readonly #scope: ContextScope;
  readonly #events: AsyncEvents;
  #channel?: CompletionChannel;

  /** @internal Use {@link open}. */
  constructor(device: string, native: NativeContextHandle) {
    const fds = verbs().contextFds(native);
    const what = `the context of ${device}`;
    let events: AsyncEvents | undefined;
    let migration: MigrationWatch | undefined;
    const life = new Life('context', what, [], {
      destroy: () => {
        migration?.close();
        events?.close();
        verbsCall(`${what} cannot be closed`, () => verbs().contextClose(native));
      },
    });
    super(life);
    this.device = device;
    this.#scope = new ContextScope(native, life, device, fds.command);
    events = new AsyncEvents(this.#scope, fds.async);
    this.#events = events;
    migration = new MigrationWatch(this.#scope, events);
    this.#scope.migration = migration;
  }

  /** Limits and abilities of the device, ibv_query_device(3). */
  query(): DeviceAttributes {
    return this.#ask((context) => verbs().contextDevice(context));
  }

  /** @param port From 1. @throws {VerbsError} `EINVAL`: there is no such port */
  port(port = 1): PortAttributes {
    return this.#ask((context) => verbs().contextPort(context, port));
  }

  /** The GIDs of all ports, with type and network device; ibv_query_gid_table(3). */
  gids(): GidInfo[] {
    return this.#ask((context) => verbs().contextGids(context));
  }

  /** The GID to connect from. @throws {RoamError} `NO_GID` when there is none */
  bestGid(choice: GidChoice = {}): GidInfo {
    return bestGid(this.device, this.gids(), choice);
  }

  allocPd(): Pd {
    this.life.check();
    return new Pd(this.#scope);
  }

  createChannel(): CompletionChannel {
    this.life.check();
    return new CompletionChannel(this.#scope.native, this.life);
  }

  /**
   * A CQ, with the context's own completion channel unless another is given; `channel: null` for one
   * that is only polled.
   */
  createCq(options: CqOptions & { channel?: CompletionChannel | null } = {}): Cq {
    this.life.check();
    const { channel, ...rest } = options;
    channel?.life.check();
    if (channel !== undefined) return new Cq(this.#scope, channel ?? undefined, rest);
    if (this.#channel === undefined || this.#channel.closed) this.#channel = this.createChannel();
    return new Cq(this.#scope, this.#channel, rest);
  }

  /** An XRC domain; those of one `fd` (an inode) are one. @throws {VerbsError} `EOPNOTSUPP` */
  openXrcd(fd?: number): Xrcd {
    this.life.check();
    return new Xrcd(this.#scope.native, this.life, fd);
  }

  /** The receiving QP of an XRC connection. */
  createXrcTarget(xrcd: Xrcd, cap?: QpCap): Qp {
    this.life.check();
    return new Qp(this.#scope, undefined, { type: 'XRC_RECV', xrcd, cap });
  }

  /** Asynchronous events as they come; they wait in the kernel until somebody iterates. */
  events({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<AsyncEvent, void, void> {
    this.life.check();
    return this.#events.iterate(signal);
  }

  /** Stops every QP as for a migration. @throws {RoamError} `ROAM_UNSUPPORTED` */
  stopAll(): void {
    this.life.check();
    stopQps(this.#scope, 0);
  }

  /** Lets them go on, and tells their peers. @throws {RoamError} `ROAM_UNSUPPORTED` */
  resumeAll(): void {
    this.life.check();
    resumeQps(this.#scope, 0);
  }

  /**
   * `callback` is called when `roam migrate` is about to move the program, and may take a while: the dump
   * begins when all such callbacks are through, or after `--ready-timeout`. Nothing needs it; it is for what
   * no one can move, such as a connection that is better closed in order. Never called on another module.
   *
   * @returns how to end it
   */
  onBeforeDump(callback: BeforeDump): () => void {
    this.life.check();
    return this.#scope.migration.onBeforeDump(callback);
  }

  /**
   * `callback` is called when the program runs again after a move: at the destination, or with `moved: false`
   * where it was, when the move did not take place.
   *
   * @returns how to end it
   */
  onAfterRestore(callback: AfterRestore): () => void {
    this.life.check();
    return this.#scope.migration.onAfterRestore(callback);
  }

  #ask<T>(call: (context: NativeContextHandle) => T): T {
    this.life.check();
    return verbsCall(this.device, () => call(this.#scope.native));
  }
}

/**
 * Opens an RDMA device; without a name, the host's first that can be used.
 *
 * @throws {RoamError} `NO_RDMA_DEVICE` @throws {VerbsError} `EACCES`, `EPERM`
 */
export function open(device?: string): Context {
  const name = device ?? listDevices().find(({ problem }) => problem === undefined)?.name;
  const missing = (cause?: unknown) =>
    new RoamError(
      'NO_RDMA_DEVICE',
      device === undefined ? 'this host has no RDMA device' : `there is no RDMA device ${device} here`,
      { cause, remedy: 'make one: rdma link add rxe0 type rxe netdev eth0 (rdma-link(8))' },
    );
  if (name === undefined) throw missing();
  try {
    return new Context(
      name,
      verbsCall('an RDMA device cannot be opened', () => verbs().contextOpen(name)),
    );
  } catch (error) {
    if (error instanceof VerbsError && error.code === 'ENODEV') throw missing(error);
    throw error;
  }
}
