// Runs two ends of a perftest test, ours or Debian's, and reads what they print.
import { expect } from 'vitest';
import { lines, type NodeName, node, script } from './lab.js';

export interface PerfCase {
  test: string;
  args: string[];
  /** Iterations that both tables must show. Default: 200. */
  iterations?: number;
  title?: string;
}

const SERVER: NodeName = 'a';
const CLIENT: NodeName = 'c';

/** The last row of a table: perftest prints other lines that begin with a number nowhere. */
export function rowOf(output: string): string[] {
  const row = lines(output).findLast((line) => /^ \d+ +\d+ /.test(line));
  expect(row, `a row of figures in:\n${output}`).toBeDefined();
  return (row as string).trim().split(/\s+/);
}

export async function runPair(
  server: string[],
  client: string[],
): Promise<{ server: string; client: string }> {
  const log = '/root/perf-server.out';
  const a = await node(SERVER);
  const pid = await a.start(['sh', '-c', '"$@"; echo "exit-code $?"', 'sh', ...server], { log });
  await script(SERVER, `until ss -Hltn "sport = :18515" | grep -q . || ! kill -0 ${pid}; do sleep 0.1; done`);
  const { exitCode, stdout, stderr } = await (await node(CLIENT)).exec([...client, a.ip], {
    timeout: 120_000,
    reject: false,
  });
  await script(SERVER, `for n in $(seq 100); do grep -q ^exit-code "$1" && break; sleep 0.1; done`, [log]);
  const said = await script(SERVER, 'cat "$1"', [log]);
  expect(exitCode, `client:\n${stdout}\n${stderr}\nserver:\n${said}`).toBe(0);
  expect(said, `client:\n${stdout}\n${stderr}`).toMatch(/^exit-code 0$/m);
  return { server: said, client: stdout };
}

/** Our end against Debian's, in either role. */
export const ROLES = [
  ['as the client of ib_%s', (test: string) => [`ib_${test}`], (test: string) => ['roam', 'perf', test]],
  ['as the server of ib_%s', (test: string) => ['roam', 'perf', test], (test: string) => [`ib_${test}`]],
] as const;

export function titled(cases: PerfCase[]): [string, PerfCase][] {
  return cases.map((one) => [`${one.test} ${one.title ?? ''}`.trim(), one]);
}

type Command = (test: string) => string[];

export async function agrees(server: Command, client: Command, one: PerfCase): Promise<void> {
  const flags = ['-d', 'rxe0', '-F', ...one.args];
  const said = await runPair([...server(one.test), ...flags], [...client(one.test), ...flags]);
  const expected = String(one.iterations ?? 200);
  const row = rowOf(said.client);
  expect(row[1]).toBe(expected);
  // The last column: messages, or the slowest of them. Little bandwidth reads 0.00.
  expect(Number(row.at(-1)), said.client).toBeGreaterThan(0);
  // The server of READ latency prints none.
  if (one.test !== 'read_lat') expect(rowOf(said.server)[1]).toBe(expected);
}
