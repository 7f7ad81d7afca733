import { RoamError } from '../errors.js';
import { verbs, verbsCall } from './addon.js';
import type { NativePages } from './native-objects.js';

export interface MemoryOptions {
  /** Huge pages of the default size (2 MiB), which the system must have reserved. */
  hugePages?: boolean;
}

/**
 * Page-aligned memory outside of the JavaScript heap, which the device may be given. It stays until it is
 * freed, or its buffer is collected, and every MR over it is closed. Its addresses stay valid for as long
 * as anything can use the buffer, such as a compression that goes on in another thread.
 */
export class Memory {
  /** @internal */
  readonly native: NativePages;
  readonly length: number;
  readonly #buffer: ArrayBuffer;

  /** @internal Use {@link allocate}. */
  constructor(length: number, { hugePages = false }: MemoryOptions) {
    this.native = verbsCall('no memory', () => verbs().pagesMap(length, hugePages));
    this.#buffer = this.native.buffer;
    this.length = length;
  }

  /** @throws {RoamError} `CLOSED` after {@link free} */
  get buffer(): ArrayBuffer {
    if (this.#buffer.byteLength === 0) throw new RoamError('CLOSED', 'the memory was given back');
    return this.#buffer;
  }

  /** Detaches the buffer: every view of it has length 0. The memory goes with the last MR over it. */
  free(): void {
    verbs().pagesFree(this.native);
  }
}

/**
 * Page-aligned, zeroed memory to be registered. Memory of other origin is refused everywhere: the
 * garbage collector, or a transfer to a thread, would pull it away from under the device.
 *
 * @param length Bytes.
 * @throws {VerbsError} `ENOMEM` of mmap(2)
 */
export function allocate(length: number, options: MemoryOptions = {}): Memory {
  return new Memory(length, options);
}

/** @throws {TypeError} that tells what is wrong with memory of other origin. */
export function assertMemory(value: unknown): asserts value is Memory {
  if (value instanceof Memory) return;
  const what =
    value instanceof SharedArrayBuffer
      ? 'a SharedArrayBuffer'
      : value instanceof ArrayBuffer && (value as { resizable?: boolean }).resizable === true
        ? 'a resizable ArrayBuffer'
        : ArrayBuffer.isView(value) || value instanceof ArrayBuffer
          ? 'memory of the JavaScript heap'
          : `${value === null ? 'null' : typeof value}`;
  throw new TypeError(`${what} cannot be registered: use allocate(), or pd.alloc()`);
}
