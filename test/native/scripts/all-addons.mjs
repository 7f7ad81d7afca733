// Every addon of the package, as far as it goes without an RDMA device: on a processor that is emulated too.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, openSync } from 'node:fs';
import { closeFd, PidFd, SeqPacket } from '../../../dist/sys/index.js';

const { allocate, devices, open } = await import('roam-rdma/verbs');
const { connect } = await import('roam-rdma/rdmacm');

const file = openSync(process.execPath, 'r');
const { socket: a, peerFd } = SeqPacket.pair();
const b = SeqPacket.from(peerFd);
await a.send(Uint8Array.of(1, 2, 3), { fds: [file] });
const { data, fds } = await b.receive();
assert.deepEqual([...data], [1, 2, 3]);
assert.equal(fstatSync(fds[0]).ino, fstatSync(file).ino);
for (const fd of fds) closeFd(fd);
a.close();
b.close();

const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', file] });
const gone = once(child, 'exit');
const held = PidFd.open(child.pid);
const taken = held.getFd(3);
assert.equal(fstatSync(taken).ino, fstatSync(file).ino);
closeFd(taken);
held.kill('SIGTERM');
await held.exited();
assert.deepEqual(await gone, [null, 'SIGTERM']);
held.close();

const memory = allocate(5000);
assert.equal(
  new Uint8Array(memory.buffer).every((byte) => byte === 0),
  true,
);
memory.free();
assert.throws(() => open('no-such-device'), { code: 'NO_RDMA_DEVICE' });
// Without rdma_cm in the kernel there is no event channel, with it no device that reaches the address.
await assert.rejects(
  connect({ host: '203.0.113.9', port: 1, qp: assert.fail }),
  /ENODEV|ENETUNREACH|CM_ADDR_ERROR/,
);
console.log(`${process.arch}: 3 addons, ${devices().length} devices`);
