import { RoamError, VerbsError } from '../errors.js';
import { verbs, verbsCall } from './addon.js';
import type { Handle } from './native-objects.js';

/** In the order in which objects of one parent are closed: users before what they use. */
const KINDS = ['MW', 'QP', 'SRQ', 'AH', 'CQ', 'channel', 'XRCD', 'MR', 'PD', 'context'] as const;
export type ObjectKind = (typeof KINDS)[number];

export interface CloseOptions {
  /**
   * Whether objects made of this one are closed too, users first; else closing rejects with `EBUSY`
   * while there are any. Default: true.
   */
  cascade?: boolean;
}

/**
 * The life of one verbs object, apart from the object that the user holds, so that the latter can be
 * collected: who uses it, and how it ends.
 */
export class Life {
  readonly kind: ObjectKind;
  /** For messages: `QP 17`. */
  readonly what: string;
  readonly #parents: Life[];
  readonly #children = new Set<Life>();
  /** Brings the object into a state in which it can be destroyed. */
  readonly #quiesce?: () => Promise<void>;
  readonly #destroy: () => void;
  readonly #onEnd = new Set<() => void>();
  #closing?: Promise<void>;
  #closed = false;

  constructor(
    kind: ObjectKind,
    what: string,
    parents: readonly (Life | undefined)[],
    actions: { quiesce?: () => Promise<void>; destroy: () => void },
  ) {
    this.kind = kind;
    this.what = what;
    this.#parents = parents.filter((parent) => parent !== undefined);
    this.#quiesce = actions.quiesce;
    this.#destroy = actions.destroy;
    for (const parent of this.#parents) parent.#children.add(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Open, and nobody is closing it. @throws {RoamError} `CLOSED` */
  check(): void {
    if (this.#closed) throw new RoamError('CLOSED', `${this.what} is closed`);
    if (this.#closing !== undefined) throw new RoamError('CLOSED', `${this.what} is being closed`);
  }

  /** From now on it uses `parent` too. */
  use(parent: Life): void {
    if (this.#closed || this.#parents.includes(parent)) return;
    this.#parents.push(parent);
    parent.#children.add(this);
  }

  /** `told` is called when closing begins; returns how to be forgotten. */
  onEnd(told: () => void): () => void {
    this.#onEnd.add(told);
    return () => this.#onEnd.delete(told);
  }

  async close({ cascade = true }: CloseOptions = {}): Promise<void> {
    if (this.#closed) return;
    if (!cascade && this.#children.size > 0 && this.#closing === undefined) throw this.#busy();
    this.#closing ??= this.#end();
    const closing = this.#closing;
    try {
      await closing;
    } finally {
      // A failure leaves it open, to be closed again: by then, perhaps, by somebody else.
      if (this.#closing === closing) this.#closing = undefined;
    }
  }

  async #end(): Promise<void> {
    for (const told of this.#onEnd) told();
    const children = [...this.#children].sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
    // One after the other: an MR cannot go before the QP that uses it.
    for (const child of children) await child.close();
    await this.#quiesce?.();
    this.#destroy();
    this.#closed = true;
    for (const parent of this.#parents) parent.#children.delete(this);
  }

  #busy(): VerbsError {
    const users = [...this.#children].map(({ what }) => what);
    return new VerbsError(
      `${this.what} is in use by ${users.slice(0, 5).join(', ')}${users.length > 5 ? `, and ${users.length - 5} more` : ''}`,
      { code: 'EBUSY', errno: 16, syscall: 'close' },
      { remedy: 'close them first, or let `close()` do it: {cascade: true}' },
    );
  }
}

const dropped = new FinalizationRegistry<Life>((life) => {
  if (life.closed) return;
  process.emitWarning(`${life.what} was garbage collected without close()`, 'RoamWarning');
});

/** Base of every verbs object: closing, and the warning for those that nobody closed. */
export abstract class VerbsObject implements AsyncDisposable {
  /** @internal */
  readonly life: Life;

  constructor(life: Life) {
    this.life = life;
    dropped.register(this, life, this);
  }

  get closed(): boolean {
    return this.life.closed;
  }

  /**
   * Ends the object. Idempotent; a failure leaves it open.
   *
   * @throws {VerbsError} `EBUSY` with `{cascade: false}` while objects made of this one are open, and
   * for an MR that posted work requests use: await them, or close their QP first.
   */
  async close(options?: CloseOptions): Promise<void> {
    await this.life.close(options);
    dropped.unregister(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** How most objects end. */
export function destroyer(what: string, native: Handle<string>): () => void {
  return () => verbsCall(`${what} cannot be closed`, () => verbs().objectDestroy(native));
}
