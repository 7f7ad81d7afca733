// Objects made and closed over and over: neither memory nor descriptors nor the kernel's objects may add up.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { it } from 'node:test';
import { open } from 'roam-rdma/verbs';

const CYCLES = Number(process.env.ROAM_CYCLES ?? 2000);
/** Closing waits for the kernel: others may be made and closed meanwhile. */
const AT_ONCE = 4;
/** The heap may take a step once in a while; this much for each object would be a leak. */
const BYTES_PER_CYCLE = 64;
const SLACK = 12 * 1024 * 1024;

async function cycle(context, n) {
  const pd = context.allocPd();
  const cq = context.createCq({ depth: 16 });
  const qp = pd.createQp({ sendCq: cq, cap: { maxSendWr: 4, maxRecvWr: 4 } });
  const mr = pd.alloc(4096);
  if (n % 4 === 0) {
    qp.init();
    qp.recv({ sges: [mr.slice()] }).catch(() => {});
  }
  if (n % 2) await pd.close();
  else for (const object of [qp, mr, cq, pd]) await object.close();
  if (n % 2) await cq.close();
}

async function cycles(context, count) {
  for (let n = 0; n < count; n += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, more) => cycle(context, n + more)));
    if (n % 200 === 0) await new Promise(setImmediate);
  }
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 50));
  globalThis.gc();
  return process.memoryUsage().rss;
}

it(`${CYCLES} cycles leave nothing behind`, { timeout: 4_800_000 }, async () => {
  const context = open();
  await cycles(context, 500);
  const before = await cycles(context, 500);
  const fds = readdirSync('/proc/self/fd').length;
  const grown = (await cycles(context, CYCLES)) - before;
  assert.equal(readdirSync('/proc/self/fd').length, fds);
  assert.ok(grown < SLACK + CYCLES * BYTES_PER_CYCLE, `${grown} bytes more after ${CYCLES} cycles`);
  await context.close();
  console.log(`${Math.round(grown / 1024)} KiB more after ${CYCLES} cycles`);
});
