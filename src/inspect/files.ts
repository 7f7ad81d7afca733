import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageFile } from './dump.js';
import { ImageError } from './image-error.js';

/** Larger than what is read here ever is: pages are not. Bytes. */
const MAX_BYTES = 1 << 30;

/** The images of one directory. */
export class ImageDirectory {
  private constructor(
    readonly path: string,
    readonly names: ReadonlySet<string>,
  ) {}

  /** @throws ImageError `IMAGE_UNREADABLE` */
  static async open(path: string): Promise<ImageDirectory> {
    const names = await readdir(path).catch((cause: NodeJS.ErrnoException) => {
      throw unreadable(path, cause);
    });
    return new ImageDirectory(path, new Set(names));
  }

  /** Names that match, and the number in each; ascending. */
  numbered(pattern: RegExp, base = 10): { name: string; number: number }[] {
    return [...this.names]
      .flatMap((name) => {
        const digits = pattern.exec(name)?.[1];
        return digits === undefined ? [] : [{ name, number: Number.parseInt(digits, base) }];
      })
      .sort((a, b) => a.number - b.number);
  }

  /** @throws ImageError */
  async read(name: string): Promise<ImageFile> {
    const path = join(this.path, name);
    if (!this.names.has(name))
      throw new ImageError(path, 'this image is missing', { code: 'IMAGE_UNREADABLE' });
    const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
      throw unreadable(path, cause);
    });
    try {
      const { size } = await file.stat();
      if (size > MAX_BYTES) throw new ImageError(path, `${size} bytes are too many for it`);
      return { path, bytes: await file.readFile() };
    } catch (cause) {
      throw cause instanceof ImageError ? cause : unreadable(path, cause as NodeJS.ErrnoException);
    } finally {
      await file.close();
    }
  }

  /** Undefined where there is no such image. @throws ImageError */
  async readIfThere(name: string): Promise<ImageFile | undefined> {
    return this.names.has(name) ? this.read(name) : undefined;
  }
}

function unreadable(path: string, cause: NodeJS.ErrnoException): ImageError {
  return new ImageError(path, `it cannot be read: ${cause.code ?? cause.message}`, {
    code: 'IMAGE_UNREADABLE',
    remedy: 'name a directory of images, such as migrate --keep-images leaves; they are for root alone',
    cause,
  });
}
