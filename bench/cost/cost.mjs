// What one post and one completion cost in JavaScript: time inside the two calls, and memory of the heap.
// cost.c does the same without Node. Prints one line of JSON.
//
//   node --expose-gc --min-semi-space-size=128 --max-semi-space-size=128 cost.mjs
import { PerformanceObserver } from 'node:perf_hooks';
import { CompletionBatch, open } from 'roam-rdma/verbs';

const ROUNDS = 40;
const WARM_UP = 30;
const DEPTH = 32;
const SIZE = 64;
/** Milliseconds in which the device is done with all that was posted. */
const SETTLE = 25;

const context = open();
const { index: gidIndex } = context.bestGid();
const pd = context.allocPd();
const cq = context.createCq({ depth: 4 * DEPTH });
const [left, right] = [0, 1].map(() => pd.createQp({ sendCq: cq, cap: { maxSendWr: DEPTH } }));
const ends = [left.endpoint(gidIndex), right.endpoint(gidIndex)];
left.connect(ends[1], { gidIndex });
right.connect(ends[0], { gidIndex });
const [from, to] = [pd.alloc(4096), pd.alloc(4096)];
const request = {
  opcode: 'WRITE',
  sges: [from.slice(0, SIZE)],
  remote: { address: to.address, rkey: to.rkey },
};
const prepared = left.prepareSends();
for (let wrId = 0; wrId < DEPTH; wrId++) prepared.add({ wrId, ...request });
const batch = new CompletionBatch(DEPTH);
const nothing = new Int32Array(new SharedArrayBuffer(4));
// Integers: a sum in floating point would be a new number on the heap each time.
let sum = 0;
let failed = 0;

function take(index) {
  if (batch.ok(index)) sum = (sum + batch.wrId(index)) | 0;
  else failed++;
}

function median(values) {
  return Math.round([...values].sort((a, b) => a - b)[values.length >> 1]);
}

/** Nanoseconds for each request of a call that posts `count`, and of the poll that takes their completions. */
function calls(count) {
  const [post, poll] = [[], []];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const start = process.hrtime.bigint();
    prepared.post(0, count);
    const posted = process.hrtime.bigint();
    Atomics.wait(nothing, 0, 0, SETTLE);
    const waited = process.hrtime.bigint();
    const found = cq.poll(batch);
    for (let i = 0; i < found; i++) take(i);
    const polled = process.hrtime.bigint();
    if (found !== count) throw new Error(`${found} of ${count} completions`);
    if (round < WARM_UP) continue;
    post.push(Number(posted - start) / count);
    poll.push(Number(polled - waited) / count);
  }
  return { post: median(post), poll: median(poll) };
}

const prompt = prepared.prepareRound(cq, batch, { count: 1 });
const ways = {
  calls() {
    prepared.post(0, 1);
    return cq.poll(batch);
  },
  round: () => prompt.run(),
};

/** Nanoseconds of a post and the look for completions that follows at once, by two calls and by a round, in turns. */
function together() {
  const times = { calls: [], round: [] };
  for (let turn = 0; turn < WARM_UP + ROUNDS; turn++) {
    for (const way of ['calls', 'round']) {
      const start = process.hrtime.bigint();
      let found = ways[way]();
      const end = process.hrtime.bigint();
      Atomics.wait(nothing, 0, 0, SETTLE);
      if (found === 0) found = cq.poll(batch);
      if (found !== 1) throw new Error(`${found} of 1 completions`);
      take(0);
      if (turn >= WARM_UP) times[way].push(Number(end - start));
    }
  }
  return { calls: median(times.calls), round: median(times.round) };
}

function inBatches(count) {
  for (let done = 0; done < count; done += DEPTH) {
    prepared.post();
    for (let found = 0; found < DEPTH; ) {
      const more = cq.poll(batch, 1000);
      for (let i = 0; i < more; i++) take(i);
      found += more;
    }
  }
}

async function asPromises(count) {
  for (let done = 0; done < count; done++) sum = (sum + (await left.send(request)).byteLength) | 0;
}

let collected = 0;
new PerformanceObserver((list) => {
  for (const { startTime } of list.getEntries()) collected = Math.max(collected, startTime);
}).observe({ entryTypes: ['gc'] });

/** Nanoseconds of a whole operation, the device's part included, and bytes of the heap. */
async function whole(run, count) {
  await run(count);
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const began = performance.now();
  const before = process.memoryUsage().heapUsed;
  const start = process.hrtime.bigint();
  await run(count);
  const time = Number(process.hrtime.bigint() - start);
  const bytes = process.memoryUsage().heapUsed - before;
  await new Promise((resolve) => setTimeout(resolve, 100));
  if (collected > began) throw new Error('the heap was collected meanwhile: see above for the flags');
  return { time: Math.round(time / count), bytes: Math.round((bytes / count) * 10) / 10 };
}

const result = {
  single: calls(1),
  batch: calls(DEPTH),
  together: together(),
  batches: await whole(inBatches, 32_000),
  promises: await whole(asPromises, 1000),
};
if (failed > 0) throw new Error('a request failed');
await context.close();
console.log(JSON.stringify(result));
