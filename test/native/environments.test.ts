// How the sys addon lives and dies with its environment: threads, exit at any moment, garbage collection.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const scripts = fileURLToPath(new URL('./scripts/', import.meta.url));

/** Runs a script in a Node of its own; a crash or an abort rejects, with what it printed. */
async function node(script: string, ...flags: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [...flags, `${scripts}${script}`], { timeout: 25_000 });
  return stdout.trim();
}

describe('worker threads', () => {
  it('each load the addon and exchange messages and descriptors', async () => {
    expect(await node('workers-exchange.mjs')).toBe('4 workers, 400 messages');
  });

  it('may be terminated while they wait for a message', async () => {
    expect(await node('workers-terminated.mjs')).toBe('20 terminated');
  });

  it('may end with sockets and polls still open', async () => {
    expect(await node('workers-leaving.mjs')).toBe('20 ended, exit codes 0');
  });
});

describe('the process', () => {
  it('exits by itself when nobody waits for an open socket', async () => {
    expect(await node('exit-idle.mjs')).toBe('idle');
  });

  it('stays for as long as somebody waits for a message', async () => {
    expect(await node('exit-waiting.mjs')).toBe('got 1');
  });

  it.each(['exit', 'throw', 'reject', 'in-callback'])('may end at any moment: %s', async (how) => {
    const failure = await run(process.execPath, [`${scripts}exit-now.mjs`, how], { timeout: 25_000 }).catch(
      (error) => error,
    );
    // A code of its own and no signal: neither a crash of the addon nor an abort of Node.
    expect({ code: failure.code, signal: failure.signal }).toEqual({
      code: how === 'exit' ? 7 : how === 'in-callback' ? 8 : 1,
      signal: null,
    });
  });

  it('sees an exception from a callback as uncaught, and goes on', async () => {
    expect(await node('callback-throws.mjs')).toBe('uncaught: from the callback; polls on');
  });
});

describe('garbage collection', () => {
  it('closes dropped sockets, and warns of each', async () => {
    expect(await node('gc-dropped.mjs', '--expose-gc')).toBe('50 warnings, no descriptor left');
  });

  it('keeps a socket that is only waited for', async () => {
    expect(await node('gc-waiting.mjs', '--expose-gc')).toBe('received after 5 collections');
  });

  it('leaks no memory and no descriptor over many sockets', async () => {
    expect(await node('gc-leak.mjs', '--expose-gc')).toMatch(/^no descriptor left, \d+ KiB$/);
  });
});
