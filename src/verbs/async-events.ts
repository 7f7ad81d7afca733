import { RoamError } from '../errors.js';
import { Readiness } from '../sys/readiness.js';
import { verbs, verbsCall } from './addon.js';
import { type AsyncEventType, asyncEventType } from './enums.js';
import type { NativeEvent } from './native-objects.js';
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

/** Called with the number of an event that only the module of this package sends. */
export type ModuleEventListener = (type: number) => void;

/** Those are beyond all that IBTA and libibverbs have. */
const FIRST_OF_MODULE = 0x10000;

/** The events of one context. They wait in the kernel until somebody asks. */
export class AsyncEvents {
  readonly #scope: ContextScope;
  readonly #readiness: Readiness;
  /** What was read while looking for the module's events. */
  readonly #unread: NativeEvent[] = [];
  /** With whether the process stays alive for them. */
  readonly #listeners = new Map<ModuleEventListener, { ref: boolean }>();
  #pumping?: AbortController;

  constructor(scope: ContextScope, fd: number) {
    this.#scope = scope;
    this.#readiness = new Readiness(fd);
  }

  async *iterate(signal?: AbortSignal): AsyncGenerator<AsyncEvent, void, void> {
    for (;;) {
      signal?.throwIfAborted();
      this.#scope.life.check();
      const event = this.#unread.shift() ?? this.#read();
      if (event !== undefined) yield this.#named(event);
      else await this.#readable(signal);
    }
  }

  /** Tells of the module's events, from now on; returns how to end it. */
  listen(listener: ModuleEventListener, options: { ref: boolean }): () => void {
    this.#listeners.set(listener, options);
    this.#pump();
    return () => {
      if (this.#listeners.delete(listener)) this.#pump();
    };
  }

  close(): void {
    this.#pumping?.abort();
    this.#readiness.close();
  }

  /** (Re)starts reading for the listeners there are now. */
  #pump(): void {
    this.#pumping?.abort();
    this.#pumping = undefined;
    if (this.#listeners.size === 0) return;
    this.#pumping = new AbortController();
    const ref = [...this.#listeners.values()].some((options) => options.ref);
    // It ends with the device, which iterate() tells.
    this.#readFor(this.#pumping.signal, ref).catch(() => {});
  }

  /** Reads only after a report, of which everybody is told: one who iterates looks at what was read here. */
  async #readFor(signal: AbortSignal, ref: boolean): Promise<void> {
    for (;;) {
      await this.#readiness.readable(signal, { ref });
      for (let event = this.#read(); event !== undefined; event = this.#read()) this.#unread.push(event);
      signal.throwIfAborted();
    }
  }

  /** The next event that is not the module's; those go to the listeners. */
  #read(): NativeEvent | undefined {
    for (;;) {
      const event = verbsCall('asynchronous events', () => verbs().contextEvent(this.#scope.native));
      if (event === undefined || event.type < FIRST_OF_MODULE) return event;
      for (const listener of [...this.#listeners.keys()]) listener(event.type);
    }
  }

  async #readable(signal?: AbortSignal): Promise<void> {
    try {
      await this.#readiness.readable(signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECANCELED') throw error;
      throw new RoamError('CLOSED', `${this.#scope.life.what} was closed`, { cause: error });
    }
  }

  #named({ type, id, port }: NativeEvent): AsyncEvent {
    const object = id === undefined ? undefined : this.#scope.find(id);
    return {
      type: asyncEventType(type),
      ...(object === undefined ? {} : { object }),
      ...(port === undefined ? {} : { port }),
    };
  }
}
