import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { CriuError } from '../errors.js';
import { exchange, type NotifyHandler } from './exchange.js';
import { criuFailure } from './failure.js';
import { criu_req_type, type criu_reqSchema, type criu_resp } from './gen/criu-rpc_pb.js';
import { CriuLog } from './log.js';
import { type CriuOptions, prepareOptions } from './options.js';
import { type CriuServer, CriuService, refuseForService } from './service.js';
import { CriuWorker, type SwrkOptions } from './worker.js';

/** What dump, pre-dump and restore take beside CRIU's options. */
export interface RequestOptions {
  /** Called for every action script. When it throws, CRIU rolls back and the request fails with it as cause. */
  onNotify?: NotifyHandler;
  /** Hangs up on CRIU, which then rolls back at its next notification. */
  signal?: AbortSignal;
}

/** Version of a CRIU program. */
export interface CriuVersion {
  major: number;
  minor: number;
  sublevel: number;
  gitId?: string;
}

/** What CRIU and the kernel can do together; `criu_features` of the RPC. */
export interface CriuFeatures {
  /** Soft-dirty page tracking: pre-copy needs it. */
  memTrack: boolean;
  /** userfaultfd good enough for post-copy. */
  lazyPages: boolean;
  /** pidfd_open and pidfd_getfd. */
  pidfdStore: boolean;
}

type Fields = Omit<MessageInitShape<typeof criu_reqSchema>, 'type' | '$typeName' | '$unknown'>;
type RequestName = keyof typeof criu_req_type;

/** A tree that is held frozen may take CRIU this long to release when it is hung up on. */
const GRACE = 60_000;

/**
 * A stock CRIU, driven over its RPC (protocol of rpc.proto in libcriu-dev). One object is one CRIU process and
 * serves one request.
 */
export class Criu implements AsyncDisposable {
  readonly #server: CriuServer;
  #used: RequestName | undefined;
  #closing: Promise<void> | undefined;

  private constructor(server: CriuServer) {
    // JavaScript knows no private constructors.
    if (!server) throw new TypeError('new Criu(): start one by Criu.swrk() or Criu.connect(path)');
    this.#server = server;
  }

  /** Starts `criu swrk`, which ends with this process. @throws {CriuError} `CRIU_NOT_RUNNABLE` */
  static async swrk(options: SwrkOptions = {}): Promise<Criu> {
    return new Criu(await CriuWorker.start(options));
  }

  /**
   * Connects to a `criu service` that listens at `path`. It takes no `inheritFd`, `rstSibling` and `ps.fd`.
   *
   * @throws {CriuError} `CRIU_NOT_RUNNABLE`
   */
  static connect(path: string): Criu {
    return new Criu(CriuService.connect(path));
  }

  /** Pid of the CRIU process; undefined with a service. */
  get pid(): number | undefined {
    return this.#server.pid;
  }

  /** Number, in the CRIU process, of a descriptor given in `inheritFds`; for `inheritFd` and `ps.fd`. */
  childFd(fd: number): number {
    return this.#server.childFd(fd);
  }

  /**
   * With `pages` of {@link SwrkOptions}: a socket on which a dump speaks to its page server, for `ps.fd`.
   * This process is the page server, or passes on to one.
   */
  get pages(): { socket: Duplex; fd: number } {
    return this.#server.pages;
  }

  async version(): Promise<CriuVersion> {
    const { version } = await this.#withoutLog('VERSION', {});
    if (version === undefined) throw new CriuError('CRIU did not tell its version', { type: 'VERSION' });
    return {
      major: version.majorNumber,
      minor: version.minorNumber,
      sublevel: version.sublevel,
      ...(version.gitid === '' ? {} : { gitId: version.gitid }),
    };
  }

  /** Which of the features there are. */
  async featureCheck(): Promise<CriuFeatures> {
    const wanted = { memTrack: true, lazyPages: true, pidfdStore: true };
    const { features } = await this.#withoutLog('FEATURE_CHECK', { features: wanted });
    const { memTrack = false, lazyPages = false, pidfdStore = false } = features ?? {};
    return { memTrack, lazyPages, pidfdStore };
  }

  /**
   * `criu check`: resolves when the kernel has all that CRIU cannot do without.
   *
   * @throws {CriuError} whose `firstError` names what is missing.
   */
  async check(opts: CriuOptions = {}): Promise<void> {
    if (opts.imagesDirFd !== undefined || opts.imagesDir !== undefined) {
      await this.#withLog('CHECK', opts, {});
      return;
    }
    // The check writes no image but insists on the directory, and puts its log there.
    const imagesDir = await mkdtemp(join(tmpdir(), 'roam-criu-check-'));
    try {
      await this.#withLog('CHECK', { ...opts, imagesDir }, {});
    } finally {
      await rm(imagesDir, { recursive: true, force: true });
    }
  }

  /**
   * Dumps the tree of `opts.pid` and, unless `leaveRunning` or `leaveStopped` is set, kills it.
   *
   * `post-dump` is announced when the images are complete, the tree is frozen and nothing is
   * committed: an error thrown there lets the tree run on.
   *
   * @throws {CriuError} with `type` DUMP; code `CRIU_CANCELLED` and the thrown error as `cause` when
   * `onNotify` threw. The tree runs on, except with code `CRIU_DIED`, where nobody knows.
   */
  async dump(opts: CriuOptions, options: RequestOptions = {}): Promise<void> {
    await this.#withLog('DUMP', opts, options);
  }

  /** Dumps the memory of the running tree (`trackMem`), for a later dump with `parentImg`. */
  async preDump(opts: CriuOptions, options: RequestOptions = {}): Promise<void> {
    await this.#withLog('SINGLE_PRE_DUMP', opts, options);
  }

  /**
   * Restores a tree. Its root becomes a child of this process's reaper, or of this process itself with
   * `rstSibling`, which then must wait for it.
   *
   * @returns pid of the root.
   */
  async restore(opts: CriuOptions, options: RequestOptions = {}): Promise<{ pid: number }> {
    const { restore } = await this.#withLog('RESTORE', opts, options);
    if (restore === undefined) throw new CriuError('CRIU did not tell the restored pid', { type: 'RESTORE' });
    return { pid: restore.pid };
  }

  /** Writes what the processors of this host can do to `cpuinfo.img` in the images directory. */
  async cpuinfoDump(opts: CriuOptions): Promise<void> {
    await this.#withLog('CPUINFO_DUMP', opts, {});
  }

  /**
   * Resolves when the processors of this host can do what `cpuinfo.img` asks for.
   *
   * @throws {CriuError} whose `firstError` names what they lack
   */
  async cpuinfoCheck(opts: CriuOptions): Promise<void> {
    await this.#withLog('CPUINFO_CHECK', opts, {});
  }

  /**
   * Starts a page server, a process of its own that ends with its one connection.
   *
   * @returns its pid, and the port it listens on (chosen by CRIU when `ps.port` is 0).
   */
  async pageServer(opts: CriuOptions): Promise<{ pid: number; port: number }> {
    // Not PAGE_SERVER, which makes a daemon and tells 0 for its pid.
    const { ps } = await this.#withLog('PAGE_SERVER_CHLD', { ...opts, notifyScripts: false }, {});
    if (ps === undefined) throw new CriuError('CRIU did not tell the page server', { type: 'PAGE_SERVER' });
    return { pid: ps.pid, port: ps.port };
  }

  /** Hangs up, and waits for the end of a CRIU process that was started here. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#server.stop(GRACE).then(() => undefined);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #withLog(type: RequestName, given: CriuOptions, options: RequestOptions): Promise<criu_resp> {
    return this.#once(type, async () => {
      if (this.#server instanceof CriuService) refuseForService(type, given);
      const { opts, workDirectory, release } = await prepareOptions(type, given);
      try {
        const log = opts.logToStderr ? undefined : await CriuLog.expect(workDirectory, given.logFile);
        return await this.#exchange(type, { opts }, options, log);
      } finally {
        await release();
      }
    });
  }

  #withoutLog(type: RequestName, fields: Fields): Promise<criu_resp> {
    return this.#once(type, () => this.#exchange(type, fields));
  }

  /** Runs the one request of this CRIU process, which has ended when the promise settles. */
  async #once(type: RequestName, request: () => Promise<criu_resp>): Promise<criu_resp> {
    if (this.#used !== undefined) {
      throw new CriuError(
        `this CRIU process has served its one request (${this.#used})`,
        { type },
        { code: 'CRIU_USED', remedy: 'start another one with Criu.swrk() or Criu.connect()' },
      );
    }
    this.#used = type;
    try {
      return await request();
    } finally {
      await this.close();
    }
  }

  async #exchange(type: RequestName, fields: Fields, options: RequestOptions = {}, log?: CriuLog) {
    const request = { ...fields, type: criu_req_type[type] };
    const result = await exchange(this.#server.socket, request, options);
    if (result.response?.success) return result.response;
    // The log is complete only when its writer has ended.
    const exit = await this.#server.stop(GRACE);
    throw criuFailure({
      type,
      result,
      logText: (await log?.read()) ?? '',
      logPath: log?.path,
      stderr: this.#server.stderr,
      exit,
    });
  }
}
