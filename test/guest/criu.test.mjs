// The RPC client against a stock CRIU; nothing here has to do with RDMA.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Criu, CriuError, criuStats } from 'roam-rdma/criu';

const program = process.env.ROAM_TEST_CRIU ?? 'criu';
const scratch = mkdtempSync(path.join(tmpdir(), 'roam-criu-'));
const directory = () => mkdtempSync(path.join(scratch, 'd-'));
const swrk = (options = {}) => Criu.swrk({ path: program, ...options });
const soon = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const started = new Set();

const COUNTER = `
import itertools, time
for i in itertools.count(1):
  print(i, flush=True)
  time.sleep(0.05)`;

/** A process that counts, a line each 50 ms, in a session of its own. */
async function counter() {
  const file = path.join(directory(), 'out');
  const out = openSync(file, 'w');
  const child = spawn('python3', ['-c', COUNTER], { detached: true, stdio: ['ignore', out, 'ignore'] });
  closeSync(out);
  started.add(child.pid);
  const numbers = () => readFileSync(file, 'utf8').trim().split('\n').map(Number);
  while (numbers().at(-1) < 3) await soon(20);
  return { pid: child.pid, numbers };
}

/** The first process of a pipeline, once it runs. */
async function firstChild(pid) {
  for (; ; await soon(50)) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    if (child && /itertools/.test(readFileSync(`/proc/${child}/cmdline`, 'utf8'))) return Number(child);
  }
}

const lives = (pid) => existsSync(`/proc/${pid}`);

/** Its number is free again. */
async function isGone(pid) {
  for (let tries = 0; lives(pid); tries++) {
    assert.ok(tries < 200, `process ${pid} has ended`);
    await soon(20);
  }
}

async function goesOn(numbers) {
  const seen = numbers().length;
  for (let tries = 0; numbers().length < seen + 3; tries++) {
    assert.ok(tries < 200, 'the process counts on');
    await soon(50);
  }
  numbers().forEach((number, i) => {
    assert.equal(number, i + 1, 'without a gap, and no number twice');
  });
}

const dumpOptions = (pid, imagesDir) => ({ pid, imagesDir, logLevel: 4, shellJob: true });

after(() => {
  for (const pid of started)
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {}
  rmSync(scratch, { recursive: true });
});

describe('CRIU by RPC', () => {
  it('tells its version, what it can do, and that the kernel will do', async () => {
    const version = await (await swrk()).version();
    assert.ok(version.major >= 4, JSON.stringify(version));
    const features = await (await swrk()).featureCheck();
    assert.deepEqual(features, { memTrack: true, lazyPages: true, pidfdStore: true });
    await (await swrk()).check();
  });

  it('describes processors, and compares with the description', async () => {
    const imagesDir = directory();
    await (await swrk()).cpuinfoDump({ imagesDir });
    await (await swrk()).cpuinfoCheck({ imagesDir });
    writeFileSync(path.join(imagesDir, 'cpuinfo.img'), 'what?');
    await assert.rejects(
      (await swrk()).cpuinfoCheck({ imagesDir }),
      (error) => error instanceof CriuError && error.type === 'CPUINFO_CHECK',
    );
  });

  it('dumps a process that was dumped before, and restores it', async () => {
    const { pid, numbers } = await counter();
    const [first, last] = [directory(), directory()];
    const scripts = [];
    const onNotify = ({ script }) => void scripts.push(script);
    await (await swrk()).preDump({ ...dumpOptions(pid, first), trackMem: true }, { onNotify });
    assert.ok(lives(pid));
    const parentImg = path.relative(last, first);
    await (await swrk()).dump({ ...dumpOptions(pid, last), trackMem: true, parentImg }, { onNotify });
    await isGone(pid);
    assert.ok(scripts.includes('post-dump'), scripts.join());
    const { pagesSkippedParent, pagesWritten } = await criuStats(last);
    assert.ok(pagesSkippedParent > 0n, `${pagesSkippedParent} pages were there already, ${pagesWritten} not`);
    const restored = await (await swrk()).restore({ imagesDir: last, logLevel: 4, shellJob: true });
    assert.equal(restored.pid, pid);
    await goesOn(numbers);
  });

  it('lets the process run on when the handler of a notification throws', async () => {
    const { pid, numbers } = await counter();
    const reason = new Error('not today');
    const onNotify = ({ script }) => {
      if (script === 'post-dump') throw reason;
    };
    await assert.rejects(
      (await swrk()).dump(dumpOptions(pid, directory()), { onNotify }),
      (error) => error.code === 'CRIU_CANCELLED' && error.cause === reason && error.stage === 'post-dump',
    );
    await goesOn(numbers);
  });

  it('lets the process run on when its signal is aborted', async () => {
    const { pid, numbers } = await counter();
    const aborted = new AbortController();
    const onNotify = ({ script }) => {
      if (script === 'pre-dump') aborted.abort(new Error('enough'));
    };
    const options = { onNotify, signal: aborted.signal };
    await assert.rejects(
      (await swrk()).dump(dumpOptions(pid, directory()), options),
      (error) => error === aborted.signal.reason || error.cause === aborted.signal.reason,
    );
    await goesOn(numbers);
  });

  it('says why a dump cannot be', async () => {
    await assert.rejects(
      (await swrk()).dump({ pid: 2 ** 22 - 1, imagesDir: directory() }),
      (error) => error instanceof CriuError && error.type === 'DUMP' && error.firstError?.length > 0,
    );
  });

  it('sends pages to a page server', async () => {
    const { pid, numbers } = await counter();
    const [here, there] = [directory(), directory()];
    const server = await (await swrk()).pageServer({
      imagesDir: there,
      ps: { address: '127.0.0.1', port: 0 },
    });
    const { port } = server;
    assert.ok(lives(server.pid));
    await (await swrk()).dump({ ...dumpOptions(pid, here), ps: { address: '127.0.0.1', port } });
    await isGone(server.pid);
    await isGone(pid);
    await (await swrk()).restore({ imagesDir: merge(here, there), logLevel: 4, shellJob: true });
    await goesOn(numbers);
  });

  it('restores with a descriptor of ours in the place of a pipe', async () => {
    const script = 'python3 -c "$1" | cat >/dev/null';
    const shell = spawn('sh', ['-c', script, 'sh', COUNTER], { detached: true, stdio: 'ignore' });
    started.add(shell.pid);
    const pid = await firstChild(shell.pid);
    const pipe = readlinkSync(`/proc/${pid}/fd/1`);
    const imagesDir = directory();
    await (await swrk()).dump(dumpOptions(pid, imagesDir));
    await isGone(pid);
    const file = path.join(directory(), 'out');
    const fd = openSync(file, 'w');
    const criu = await swrk({ inheritFds: [fd] });
    const inheritFd = [{ key: pipe, fd: criu.childFd(fd) }];
    await criu.restore({ imagesDir, logLevel: 4, shellJob: true, inheritFd });
    closeSync(fd);
    for (let tries = 0; readFileSync(file, 'utf8').split('\n').length < 3; tries++) {
      assert.ok(tries < 200, 'the process writes to the file');
      await soon(50);
    }
  });
});

describe('a CRIU service', () => {
  const socket = path.join(tmpdir(), `roam-criu-${process.pid}.socket`);
  let service;
  before(async () => {
    service = spawn(program, ['service', '--address', socket], { stdio: 'ignore' });
    for (let tries = 0; ; tries++) {
      try {
        await Criu.connect(socket).close();
        return;
      } catch (error) {
        if (tries > 200) throw error;
        await soon(50);
      }
    }
  });
  after(() => {
    service.kill();
    rmSync(socket, { force: true });
  });

  it('does the same', async () => {
    assert.ok((await Criu.connect(socket).version()).major >= 4);
    assert.equal((await Criu.connect(socket).featureCheck()).lazyPages, true);
    const { pid, numbers } = await counter();
    const imagesDir = directory();
    const scripts = [];
    const onNotify = ({ script }) => void scripts.push(script);
    await Criu.connect(socket).dump(dumpOptions(pid, imagesDir), { onNotify });
    await isGone(pid);
    assert.ok(scripts.includes('post-dump'), scripts.join());
    const restored = await Criu.connect(socket).restore({ imagesDir, logLevel: 4, shellJob: true });
    assert.equal(restored.pid, pid);
    await goesOn(numbers);
  });

  it('says why it cannot', async () => {
    await assert.rejects(
      Criu.connect(socket).dump({ pid: 2 ** 22 - 1, imagesDir: directory() }),
      (error) => error instanceof CriuError && error.firstError?.length > 0,
    );
  });
});

/** The images of a dump and those of its page server, in one directory. */
function merge(here, there) {
  const both = directory();
  for (const from of [there, here])
    for (const name of readdirSync(from)) copyFileSync(path.join(from, name), path.join(both, name));
  return both;
}
