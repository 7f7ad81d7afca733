import type { MigrationWatch } from './migration-watch.js';
import type { NativeContextHandle } from './native-objects.js';
import type { Life, VerbsObject } from './ownership.js';

/** What the objects of a context share. */
export class ContextScope {
  readonly native: NativeContextHandle;
  readonly life: Life;
  /** RDMA device, such as `rxe0`. */
  readonly device: string;
  /** The uverbs descriptor, owned by the context. */
  readonly commandFd: number;
  /** Set by the context, once. */
  migration!: MigrationWatch;
  /** For asynchronous events, which name objects by their number. */
  readonly #objects = new Map<number, WeakRef<VerbsObject>>();

  constructor(native: NativeContextHandle, life: Life, device: string, commandFd: number) {
    this.native = native;
    this.life = life;
    this.device = device;
    this.commandFd = commandFd;
  }

  track(id: number, object: VerbsObject): void {
    this.#objects.set(id, new WeakRef(object));
    if (this.#objects.size % 1024 === 0) this.#sweep();
  }

  find(id: number): VerbsObject | undefined {
    return this.#objects.get(id)?.deref();
  }

  #sweep(): void {
    for (const [id, object] of this.#objects) {
      const held = object.deref();
      if (held === undefined || held.closed) this.#objects.delete(id);
    }
  }
}
