import { RoamError } from '../errors.js';

/** An image that cannot be read, is truncated, or is none. `code` is `IMAGE_UNREADABLE` or `IMAGE_INVALID`. */
export class ImageError extends RoamError {
  /** Path of the image. */
  readonly file: string;
  /** Byte of the file at which it goes wrong. */
  declare readonly offset?: number;

  constructor(
    file: string,
    why: string,
    options: { offset?: number; code?: string; remedy?: string; cause?: unknown } = {},
  ) {
    const { offset, code = 'IMAGE_INVALID', ...more } = options;
    super(code, `${file}: ${why}${offset === undefined ? '' : ` (at byte ${offset})`}`, {
      remedy: 'the directory is no complete dump: make it again, and copy all of its files',
      ...more,
    });
    this.file = file;
    if (offset !== undefined) this.offset = offset;
  }
}
