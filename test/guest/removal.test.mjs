// A device, its network interface or its module that is taken away from a program.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { devices, open } from 'roam-rdma/verbs';
import { fill, pair } from './pair.mjs';

// A device of its own: the other tests need rxe0.
const DEVICE = 'rxe9';
const NETDEV = 'roam9';
const CLEAR = `rdma link delete ${DEVICE}; ip link delete ${NETDEV}`;
const MAKE = `(${CLEAR}) 2>/dev/null; ip link add ${NETDEV} type dummy && ip addr add 10.99.0.1/24 dev ${NETDEV} &&
  ip link set ${NETDEV} up && rdma link add ${DEVICE} type rxe netdev ${NETDEV}`;
const soon = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function shell(script) {
  const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', timeout: 30_000 });
  return { status, stderr };
}

/** Runs the test with a pair on a device that may be taken away. */
async function withDevice(test) {
  assert.deepEqual(shell(MAKE), { status: 0, stderr: '' });
  let both;
  try {
    both = await pair({ device: DEVICE });
    await test(both);
  } finally {
    await both?.context.close();
    shell(CLEAR);
  }
}

/** Begins a command; `ended` becomes its exit code. */
function begin(...argv) {
  const child = spawn(argv[0], argv.slice(1), { stdio: 'ignore' });
  const command = { ended: undefined };
  command.end = once(child, 'exit').then(([code]) => {
    command.ended = code;
  });
  return command;
}

/** Resolves when the device can no longer be seen. */
async function unseen() {
  const deadline = Date.now() + 10_000;
  while (devices().some(({ name }) => name === DEVICE)) {
    assert.ok(Date.now() < deadline, `${DEVICE} is still listed`);
    await soon(50);
  }
}

async function exchange({ left, right }) {
  fill(left.mr.bytes, Date.now() & 0xff);
  const got = right.qp.recv({ sges: [right.mr.slice(0, 4096)] });
  await left.qp.send({ opcode: 'SEND', sges: [left.mr.slice(0, 4096)] });
  assert.equal((await got).byteLength, 4096);
  assert.deepEqual(right.mr.bytes.subarray(0, 4096), left.mr.bytes.subarray(0, 4096));
}

describe('the module', () => {
  it('stays while a program has a context, which goes on', () =>
    withDevice(async (both) => {
      const { status, stderr } = shell('rmmod rdma_rxe');
      assert.equal(status, 1);
      assert.match(stderr, /Module rdma_rxe is in use/);
      await exchange(both);
    }));
});

describe('rdma link delete', () => {
  it('waits until the program has closed its context, which works until then', () =>
    withDevice(async (both) => {
      const waiting = both.left.qp.recv({ sges: [both.left.mr.slice(0, 64)] });
      const ended = assert.rejects(waiting, { status: 'WR_FLUSH_ERR' });
      const command = begin('rdma', 'link', 'delete', DEVICE);
      await unseen();
      assert.throws(() => open(DEVICE), { code: 'NO_RDMA_DEVICE' });
      await exchange(both);
      assert.equal(command.ended, undefined);
      await both.context.close();
      await ended;
      await command.end;
      assert.equal(command.ended, 0);
    }));

  it('ends with a program that ends', () => {
    assert.deepEqual(shell(MAKE), { status: 0, stderr: '' });
    try {
      const program = `
        import { spawn } from 'node:child_process';
        import { devices } from 'roam-rdma/verbs';
        import { pair } from '${new URL('pair.mjs', import.meta.url)}';
        const { left, right } = await pair({ device: '${DEVICE}' });
        for (let i = 0; i < 20; i++) right.qp.postRecv({ sges: [right.mr.slice(0, 64)] });
        spawn('rdma', ['link', 'delete', '${DEVICE}'], { stdio: 'ignore', detached: true }).unref();
        while (devices().some(({ name }) => name === '${DEVICE}')) await new Promise((go) => setTimeout(go, 50));
        for (let i = 0; i < 20; i++) left.qp.postSend({ opcode: 'SEND', sges: [left.mr.slice(0, 64)] });`;
      const argv = ['--input-type=module', '-e', program];
      const { status, signal, stderr } = spawnSync(process.execPath, argv, {
        encoding: 'utf8',
        timeout: 30_000,
        cwd: import.meta.dirname,
      });
      assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
      const gone = `for n in $(seq 50); do rdma link show ${DEVICE}/1 >/dev/null 2>&1 || exit 0; sleep 0.1; done; exit 1`;
      assert.equal(shell(gone).status, 0);
      // Nobody holds the interface either.
      assert.deepEqual(shell(`timeout 10 ip link delete ${NETDEV}`), { status: 0, stderr: '' });
    } finally {
      shell(CLEAR);
    }
  });
});

describe('a network interface that goes', () => {
  it('is told as an event, and ends what is posted', () =>
    withDevice(async (both) => {
      const types = [];
      const told = (async () => {
        for await (const { type, port } of both.context.events()) {
          types.push(type);
          if (type === 'PORT_ERR') return port;
        }
      })();
      const waiting = both.left.qp.recv({ sges: [both.left.mr.slice(0, 64)] });
      const ended = assert.rejects(waiting, { name: 'WorkCompletionError' });
      await exchange(both);
      // Deleted while it is up, it goes without an event: since 6.12.117 ib_core asks for the port first, and fails.
      assert.deepEqual(shell(`ip link set ${NETDEV} down`), { status: 0, stderr: '' });
      assert.equal(await told, 1, `events: ${types}`);
      assert.equal(both.context.port(1).state, 'DOWN');
      const command = begin('ip', 'link', 'delete', NETDEV);
      await unseen();
      await assert.rejects(both.left.qp.send({ opcode: 'SEND', sges: [both.left.mr.slice(0, 64)] }), {
        name: 'WorkCompletionError',
      });
      assert.equal(command.ended, undefined);
      await both.context.close();
      await ended;
      await command.end;
      assert.equal(command.ended, 0);
    }));
});
