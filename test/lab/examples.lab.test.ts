import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { useSweptLab } from './support/hooks.js';
import { inAllNodes, node, script } from './support/lab.js';
import { FAST_LINK } from './support/pace.js';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
/** Below it, Node finds the package as any program does that has it installed. */
const THERE = '/usr/lib/roam-examples';
const LOG = '/root/example.out';

let server: number;

/** Starts an example's server on c, and gives its clients on a. */
async function serve(file: string, args: string[], ready: string) {
  const c = await node('c');
  server = await c.start(['node', `${THERE}/${file}`, ...args], { log: LOG });
  await script('c', 'until grep -q "$2" "$1"; do sleep 0.1; done', [LOG, ready]);
  return async (...client: string[]) => {
    const { stdout } = await (await node('a')).exec(['node', `${THERE}/${file}`, ...client]);
    return stdout;
  };
}

describe('the examples', () => {
  useSweptLab(FAST_LINK);

  beforeAll(async () => {
    await inAllNodes(`rm -rf ${THERE}`);
    for (const name of ['a', 'c'] as const) await (await node(name)).push(EXAMPLES, THERE);
  });

  // Before the look at what is left: some serve for ever.
  afterEach(() => script('c', 'kill "$1" 2>/dev/null; true', [String(server)]));

  it('ping-pong', async () => {
    const client = await serve('ping-pong.mjs', [], 'listening');
    expect(await client((await node('c')).ip, '20')).toContain('20 pings came back whole');
  });

  it('kv-store', async () => {
    const client = await serve('kv-store.mjs', [], 'slots');
    const { ip } = await node('c');
    expect(await client(ip, 'set', 'colour', 'green')).toBe('stored');
    expect(await client(ip, 'get', 'colour')).toBe('green');
  });

  it('file-copy', async () => {
    const client = await serve('file-copy.mjs', ['receive', '/root/copy.out'], 'waiting');
    await script('a', 'head -c 3000001 /dev/urandom >/root/file.out');
    await client('send', '/root/file.out', (await node('c')).ip);
    await script('c', 'until grep -q received "$1"; do sleep 0.1; done', [LOG]);
    const sums = await Promise.all([
      script('a', 'md5sum </root/file.out'),
      script('c', 'md5sum </root/copy.out'),
    ]);
    expect(sums[0]).toBe(sums[1]);
  });
});
