import type { Duplex } from 'node:stream';
import { CriuError } from '../errors.js';
import { SeqPacket } from '../sys/index.js';
import type { CriuOptions } from './options.js';
import type { WorkerExit } from './worker.js';

/** Who serves a request: a CRIU process of our own, or a service that somebody else runs. */
export interface CriuServer {
  readonly socket: SeqPacket;
  readonly pid: number | undefined;
  /** What the process wrote to stderr, for messages. */
  readonly stderr: string;
  readonly pages: { socket: Duplex; fd: number };
  childFd(fd: number): number;
  /** Hangs up. Resolves when the process has ended, to how; at once for a service, whose processes are its own. */
  stop(graceMs: number): Promise<WorkerExit | undefined>;
}

/** A connection to `criu service`: the service forks a process for it. */
export class CriuService implements CriuServer {
  readonly pid = undefined;
  readonly stderr = '';

  private constructor(readonly socket: SeqPacket) {}

  /** @throws {CriuError} `CRIU_NOT_RUNNABLE` */
  static connect(path: string): CriuService {
    try {
      return new CriuService(SeqPacket.connect(path));
    } catch (cause) {
      throw new CriuError(
        `no CRIU service answers at ${path}: ${(cause as Error).message}`,
        { type: 'EMPTY' },
        { code: 'CRIU_NOT_RUNNABLE', cause, remedy: `start one: criu service --address ${path}` },
      );
    }
  }

  get pages(): never {
    throw new RangeError('a CRIU service has no socket for pages: use Criu.swrk()');
  }

  childFd(): never {
    throw new RangeError('a CRIU service inherits no descriptors: use Criu.swrk()');
  }

  async stop(): Promise<undefined> {
    this.socket.close();
  }
}

/**
 * What a service refuses without saying so: descriptors are those of the process that CRIU was started by.
 *
 * @throws {CriuError} `CRIU_BAD_OPTIONS`
 */
export function refuseForService(type: string, opts: CriuOptions): void {
  const refused = [
    ...(opts.inheritFd?.length ? ['inheritFd'] : []),
    ...(opts.rstSibling ? ['rstSibling'] : []),
    ...(opts.ps?.fd === undefined ? [] : ['ps.fd']),
  ];
  if (refused.length === 0) return;
  throw new CriuError(
    `CRIU ${type.toLowerCase().replaceAll('_', '-')}: a CRIU service takes no ${refused.join(', ')}`,
    { type },
    { code: 'CRIU_BAD_OPTIONS', remedy: 'start a CRIU of your own: Criu.swrk()' },
  );
}
