import { RoamError } from '../errors.js';
import { Readiness } from '../sys/readiness.js';
import { verbs, verbsCall } from './addon.js';
import { type AsyncEventType, asyncEventType } from './enums.js';
import type { VerbsObject } from './ownership.js';
import type { ContextScope } from './scope.js';

/** An asynchronous event, ibv_get_async_event(3); it is acknowledged already. */
export interface AsyncEvent {
  type: AsyncEventType;
  /** The QP, CQ or SRQ that it is about, unless that is gone. */
  object?: VerbsObject;
  /** The port that it is about. */
  port?: number;
}

/** The events of one context. They wait in the kernel until somebody asks. */
export class AsyncEvents {
  readonly #scope: ContextScope;
  readonly #readiness: Readiness;

  constructor(scope: ContextScope, fd: number) {
    this.#scope = scope;
    this.#readiness = new Readiness(fd);
  }

  async *iterate(signal?: AbortSignal): AsyncGenerator<AsyncEvent, void, void> {
    for (;;) {
      signal?.throwIfAborted();
      this.#scope.life.check();
      const event = verbsCall('asynchronous events', () => verbs().contextEvent(this.#scope.native));
      if (event !== undefined) yield this.#named(event);
      else await this.#readable(signal);
    }
  }

  close(): void {
    this.#readiness.close();
  }

  async #readable(signal?: AbortSignal): Promise<void> {
    try {
      await this.#readiness.readable(signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECANCELED') throw error;
      throw new RoamError('CLOSED', `${this.#scope.life.what} was closed`, { cause: error });
    }
  }

  #named({ type, id, port }: { type: number; id?: number; port?: number }): AsyncEvent {
    const object = id === undefined ? undefined : this.#scope.find(id);
    return {
      type: asyncEventType(type),
      ...(object === undefined ? {} : { object }),
      ...(port === undefined ? {} : { port }),
    };
  }
}
