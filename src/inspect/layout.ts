// C structs as the plugin and the module write them: little endian, naturally aligned, without holes.

/** What a field holds: a number, bytes by their count, or another struct. */
export type FieldType = 'u8' | 'i32' | 'u32' | 'u64' | number | Layout;

/** Fields in their order. */
export interface Layout {
  readonly [name: string]: FieldType;
}

type Value<T> = T extends 'u64'
  ? bigint
  : T extends string
    ? number
    : T extends number
      ? Uint8Array
      : T extends Layout
        ? Struct<T>
        : never;

/** A struct that was read. */
export type Struct<L extends Layout> = { readonly [K in keyof L]: Value<L[K]> };

const SCALARS = {
  u8: { size: 1, read: (view: DataView, at: number) => view.getUint8(at) },
  i32: { size: 4, read: (view: DataView, at: number) => view.getInt32(at, true) },
  u32: { size: 4, read: (view: DataView, at: number) => view.getUint32(at, true) },
  u64: { size: 8, read: (view: DataView, at: number) => view.getBigUint64(at, true) },
} as const;

function sizeOfField(type: FieldType): number {
  if (typeof type === 'number') return type;
  return typeof type === 'string' ? SCALARS[type].size : sizeOf(type);
}

/** Bytes of a struct. */
export function sizeOf(layout: Layout): number {
  return Object.values(layout).reduce<number>((sum, type) => sum + sizeOfField(type), 0);
}

/**
 * Reads a struct.
 *
 * @throws RangeError when it reaches beyond the bytes: who reads compares lengths before
 */
export function readStruct<L extends Layout>(layout: L, bytes: Uint8Array, offset: number): Struct<L> {
  if (offset < 0 || offset + sizeOf(layout) > bytes.length)
    throw new RangeError(
      `a struct of ${sizeOf(layout)} bytes at ${offset} is beyond the ${bytes.length} there are`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read: Record<string, unknown> = {};
  let at = offset;
  for (const [name, type] of Object.entries(layout)) {
    if (typeof type === 'number') read[name] = bytes.subarray(at, at + type);
    else if (typeof type === 'string') read[name] = SCALARS[type].read(view, at);
    else read[name] = readStruct(type, bytes, at);
    at += sizeOfField(type);
  }
  return read as Struct<L>;
}
