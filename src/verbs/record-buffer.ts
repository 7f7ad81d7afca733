/** Room for encoded work requests, which grows as it is needed. */
export class RecordBuffer {
  readonly stride: number;
  bytes: Uint8Array;
  view: DataView;
  readonly #limit: number;

  constructor(stride: number, limit = 1 << 20) {
    this.stride = stride;
    this.#limit = limit;
    this.bytes = new Uint8Array(stride);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `count` records, those that are there kept. */
  reserve(count: number): void {
    if (count * this.stride <= this.bytes.length) return;
    if (count > this.#limit) throw new RangeError(`${count} work requests at once: at most ${this.#limit}`);
    const grown = new Uint8Array(Math.max(count, 2 * (this.bytes.length / this.stride)) * this.stride);
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}
