import { expect } from 'vitest';
import { node, script, workload } from './lab.js';
import { isAlive, migrateFails } from './migrate.js';

/** A process with an object of that kind is not moved, the error names the kind, and the process goes on. */
export async function isRefused(kind: string, name: RegExp): Promise<void> {
  const pid = await (await node('a')).start([workload('unsupported'), kind], {
    log: '/root/unsupported.out',
  });
  await script('a', 'until grep -q ^running /root/unsupported.out; do sleep 0.1; done');
  const error = await migrateFails('a', pid, { to: 'b' });
  expect(error.phase).toBe('preflight');
  expect(error.message).toMatch(name);
  expect(await isAlive('a', pid)).toBe(true);
  await script('a', 'kill -USR1 "$1"; until grep -q ^{ /root/unsupported.out; do sleep 0.1; done', [
    String(pid),
  ]);
  expect(JSON.parse((await script('a', 'grep ^{ /root/unsupported.out')) || '{}')).toMatchObject({
    ok: true,
    kind,
  });
}
