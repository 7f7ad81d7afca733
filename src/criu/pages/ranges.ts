import type { PageRange } from './types.js';

/**
 * Cuts a range where it enters or leaves one of `ranges`.
 *
 * @param ranges ascending and apart
 * @returns its parts in order, each wholly inside or outside of them
 */
export function cut(
  { first, end }: PageRange,
  ranges: readonly PageRange[],
): (PageRange & { inside: boolean })[] {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle] as PageRange).end <= first) low = middle + 1;
    else high = middle;
  }
  const parts: (PageRange & { inside: boolean })[] = [];
  let at = first;
  for (let i = low; at < end; i++) {
    const next = ranges[i] ?? { first: end, end };
    const from = Math.min(Math.max(next.first, at), end);
    if (at < from) parts.push({ first: at, end: from, inside: false });
    const to = Math.min(next.end, end);
    if (from < to) parts.push({ first: from, end: to, inside: true });
    at = Math.max(from, to);
  }
  return parts;
}
