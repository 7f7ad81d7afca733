import { isIPv4, isIPv6 } from 'node:net';

/**
 * The 16 bytes of a GID, written as an IPv6 address; `::ffff:10.0.0.1` stands for IPv4.
 *
 * @throws {RangeError} for a text that is none.
 */
export function gidBytes(text: string): Uint8Array {
  if (!isIPv6(text)) throw new RangeError(`a GID is written as an IPv6 address, not ${text}`);
  const dotted = text.lastIndexOf(':') + 1;
  const tail = text.slice(dotted);
  let whole = text;
  if (isIPv4(tail)) {
    const [a, b, c, d] = tail.split('.').map(Number) as [number, number, number, number];
    whole = `${text.slice(0, dotted)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [left = '', right] = whole.split('::');
  const words = (part: string) =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const before = words(left);
  const after = right === undefined ? [] : words(right);
  const groups = [...before, ...Array(8 - before.length - after.length).fill(0), ...after];
  const bytes = new Uint8Array(16);
  groups.forEach((group, index) => {
    bytes[index * 2] = group >> 8;
    bytes[index * 2 + 1] = group & 0xff;
  });
  return bytes;
}

/** The GID that stands for an IP address: itself for IPv6, `::ffff:a.b.c.d` for IPv4. */
export function gidOfAddress(address: string): string {
  return isIPv4(address) ? `::ffff:${address}` : address;
}

/** Whether two texts are the same GID. */
export function sameGid(a: string, b: string): boolean {
  const left = gidBytes(a);
  const right = gidBytes(b);
  return left.every((byte, index) => byte === right[index]);
}
