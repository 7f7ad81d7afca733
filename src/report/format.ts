// Numbers and columns for people.

export const seconds = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;

export const byteCount = (bytes: number): string =>
  bytes < 1024
    ? `${Math.round(bytes)} B`
    : bytes < 1048576
      ? `${(bytes / 1024).toFixed(1)} KiB`
      : `${(bytes / 1048576).toFixed(1)} MiB`;

export const perSecond = (bytes: number): string => `${byteCount(bytes)}/s`;

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

export const hex = (key: number): string => `0x${key.toString(16)}`;

export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** Columns as wide as their widest cell; numbers to the right. */
export function table(head: string[], rows: (string | number)[][]): string {
  const cells = rows.map((row) => row.map(String));
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: string[], numeric: boolean[]) =>
    row
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  const numeric = head.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'));
  return [line(head, numeric), ...cells.map((row) => line(row, numeric))].join('\n');
}
