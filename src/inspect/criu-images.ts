// CRIU's own images: a magic, then entries of protobuf, each behind its length.
import {
  type DescMessage,
  fromBinary,
  isFieldSet,
  type Message,
  type MessageShape,
} from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import type { ImageFile } from './dump.js';
import { ImageError } from './image-error.js';

/** First word of every image but the inventory (images v1.1). */
const COMMON = 0x54564319;

/** The word that tells the kind, of CRIU's magic.h. */
const MAGIC = {
  inventory: 0x58313116,
  pstree: 0x50273030,
  core: 0x55053847,
  ids: 0x54432030,
  fdinfo: 0x56213732,
  mm: 0x57492820,
  pagemap: 0x56084025,
} as const;

export type CriuImage = keyof typeof MAGIC;

/** Where entries begin. */
function skipMagic({ path, bytes }: ImageFile, kind: CriuImage): number {
  const words = kind === 'inventory' ? [MAGIC.inventory] : [COMMON, MAGIC[kind]];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  words.forEach((word, i) => {
    if (bytes.length < (i + 1) * 4)
      throw new ImageError(path, `it has ${bytes.length} bytes and is shorter than a magic`, { offset: 0 });
    if (view.getUint32(i * 4, true) !== word)
      throw new ImageError(path, `it does not begin as CRIU's ${kind} image`, { offset: i * 4 });
  });
  return words.length * 4;
}

interface Entry {
  offset: number;
  bytes: Uint8Array;
}

/** Cuts an image into its entries. @throws ImageError */
export function entriesOf(file: ImageFile, kind: CriuImage): Entry[] {
  const { path, bytes } = file;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Entry[] = [];
  let at = skipMagic(file, kind);
  while (at < bytes.length) {
    if (bytes.length - at < 4) throw new ImageError(path, 'it ends within a length', { offset: at });
    const length = view.getUint32(at, true);
    const start = at + 4;
    if (length > bytes.length - start)
      throw new ImageError(path, `an entry of ${length} bytes reaches beyond its end`, { offset: at });
    entries.push({ offset: start, bytes: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return entries;
}

/** @throws ImageError */
export function decodeEntry<D extends DescMessage>(
  { path }: ImageFile,
  { offset, bytes }: Entry,
  schema: D,
): MessageShape<D> {
  try {
    const message = fromBinary(schema, bytes);
    demandFields(schema, message);
    return message;
  } catch (cause) {
    throw new ImageError(path, `an entry is no ${schema.name}: ${(cause as Error).message}`, {
      offset,
      cause,
    });
  }
}

/** The decoder takes what is missing for zero. @throws Error */
function demandFields(schema: DescMessage, message: Message): void {
  for (const field of schema.fields) {
    const isSet = isFieldSet(message, field);
    if (!isSet && field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED)
      throw new Error(`it has no ${field.name}`);
    if (!isSet || !field.message) continue;
    const value = (message as unknown as Record<string, Message | Message[]>)[field.localName];
    for (const inner of [value ?? []].flat()) demandFields(field.message, inner);
  }
}

/** Every entry of an image. @throws ImageError */
export function readEntries<D extends DescMessage>(
  file: ImageFile,
  kind: CriuImage,
  schema: D,
): MessageShape<D>[] {
  return entriesOf(file, kind).map((entry) => decodeEntry(file, entry, schema));
}

/** The entry of an image that has one. @throws ImageError */
export function readEntry<D extends DescMessage>(
  file: ImageFile,
  kind: CriuImage,
  schema: D,
): MessageShape<D> {
  const [entry, more] = entriesOf(file, kind);
  if (!entry || more)
    throw new ImageError(file.path, `it should have one entry and has ${more ? 'more' : 'none'}`);
  return decodeEntry(file, entry, schema);
}
