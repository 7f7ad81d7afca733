// `roam perf`: perftest's tests, options and output, against perftest or itself.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PerfOptions, PerfTest } from '../perf/index.js';
import { PERF_TESTS, type PerfProgress, type Settled } from '../perf/types.js';
import { printJson } from './output.js';

interface Flags {
  ibDev?: string;
  ibPort?: number;
  port?: number;
  gidIndex?: number;
  size?: number;
  all?: boolean;
  iters?: number;
  duration?: number;
  margin?: number;
  qp?: number;
  txDepth?: number;
  rxDepth?: number;
  cqMod?: number;
  bidirectional?: boolean;
  events?: boolean;
  inline_size?: number;
  mtu?: number;
  outs?: number;
  atomic_type?: 'FETCH_AND_ADD' | 'CMP_AND_SWAP';
  connection?: 'RC' | 'UC' | 'UD';
  qpTimeout?: number;
  sl?: number;
  tclass?: number;
  report_gbits?: boolean;
  noPeak?: boolean;
  json?: boolean;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value))
    throw new InvalidArgumentError('a whole number is wanted.');
  return value;
}

/** perftest's sizes may end with K or M. */
function bytes(text: string): number {
  const factor = { K: 1024, M: 1024 * 1024 }[text.slice(-1)] ?? 1;
  return number(factor === 1 ? text : text.slice(0, -1)) * factor;
}

function perfOptions(test: PerfTest, host: string | undefined, flags: Flags): PerfOptions {
  return {
    test,
    host,
    port: flags.port,
    device: flags.ibDev,
    ibPort: flags.ibPort,
    gidIndex: flags.gidIndex,
    size: flags.size,
    all: flags.all,
    iterations: flags.iters,
    duration: flags.duration,
    margin: flags.margin,
    qps: flags.qp,
    txDepth: flags.txDepth,
    rxDepth: flags.rxDepth,
    cqMod: flags.cqMod,
    bidirectional: flags.bidirectional,
    events: flags.events,
    inline: flags.inline_size,
    mtu: flags.mtu,
    outReads: flags.outs,
    atomicType: flags.atomic_type,
    connection: flags.connection,
    qpTimeout: flags.qpTimeout,
    serviceLevel: flags.sl,
    trafficClass: flags.tclass,
    gbits: flags.report_gbits,
    noPeak: flags.noPeak,
  };
}

/** A line that is written over, on a terminal only. */
function progressLine(out: NodeJS.WriteStream) {
  let shown = false;
  return {
    show: ({ size, done, total }: PerfProgress) => {
      if (!out.isTTY) return;
      shown = true;
      const share = total > 0 ? ` (${Math.floor((100 * done) / total)} %)` : '';
      out.write(`\r ${size} bytes: ${done}${total > 0 ? ` of ${total}` : ''}${share}\u001b[K`);
    },
    clear: () => {
      if (shown) out.write('\r\u001b[K');
      shown = false;
    },
  };
}

async function run(test: PerfTest, host: string | undefined, flags: Flags): Promise<void> {
  const [{ perf }, text] = await Promise.all([import('../perf/index.js'), import('../perf/text.js')]);
  const say = (line: string) => {
    if (!flags.json) process.stdout.write(`${line}\n`);
  };
  const progress = progressLine(process.stderr);
  const stop = new AbortController();
  const onSignal = () => stop.abort(new Error('interrupted'));
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  // Known from onSetup on, which comes first.
  let used: Settled;
  const options = { ...perfOptions(test, host, flags), signal: stop.signal, onProgress: progress.show };
  const result = await perf(options, {
    onListening: () => {
      const stars = '*'.repeat(36);
      say(`\n${stars}\n* Waiting for client to connect... *\n${stars}`);
    },
    onSetup: (settled, resources) => {
      used = settled;
      say(text.setupText(settled, resources));
    },
    onConnected: ({ lanes }) => {
      for (const { key } of lanes) say(text.addressText('local', used, key));
      for (const { remote } of lanes) say(text.addressText('remote', used, remote));
      say(text.LINE);
      say(text.headingText(used));
    },
    onRow: (row) => {
      progress.clear();
      say(text.rowText(row, used));
    },
  });
  progress.clear();
  say(text.LINE);
  const { options: settled, device, mtu, rows } = result;
  const {
    signal: _signal,
    onProgress: _progress,
    verb: _verb,
    latency: _latency,
    sizeGiven: _given,
    client,
    ...shown
  } = settled;
  if (flags.json) printJson({ ok: true, role: client ? 'client' : 'server', device, ...shown, mtu, rows });
}

const EXAMPLES = `
Examples:
  roam perf send_bw                          server on this host
  roam perf send_bw -s 4096 -n 5000 hostb    client of it, or of ib_send_bw
  roam perf write_lat -D 10 --json hostb
`;

export function registerPerf(program: Command): void {
  const perf = program
    .command('perf')
    .description("perftest's bandwidth and latency tests, against perftest or itself")
    .addHelpText('after', EXAMPLES);
  for (const test of PERF_TESTS) {
    const latency = test.endsWith('_lat');
    const command = perf
      .command(`${test} [host]`)
      .description(`as ib_${test}; without a host, its server`)
      .option('-d, --ib-dev <name>', 'RDMA device (default: the first)')
      .option('-i, --ib-port <n>', 'its port (default: 1)', number)
      .option('-p, --port <n>', 'TCP port of the exchange (default: 18515)', number)
      .option('-x, --gid-index <n>', 'own GID (default: the first of RoCE v2 and IPv4)', number)
      .option('-m, --mtu <bytes>', "path MTU (default: the port's)", number)
      .option('-n, --iters <n>', `messages (default: ${test === 'write_bw' ? 5000 : 1000})`, number)
      .option('-D, --duration <seconds>', 'run so long instead', number)
      .option('-f, --margin <seconds>', 'part of the duration at either end that does not count', number)
      .option('-t, --tx-depth <n>', `requests in flight (default: ${latency ? 1 : 128})`, number)
      .option('-u, --qp-timeout <n>', '4.096 us * 2^n (default: 14)', number)
      .option('-S, --sl <n>', 'service level (default: 0)', number)
      .option('--tclass <n>', 'traffic class (default: 0)', number)
      .option('-F, --CPU-freq', 'accepted for the sake of scripts: the clock here is not the processor')
      .option('--json', 'print JSON');
    if (!test.startsWith('atomic')) {
      command.option('-s, --size <bytes>', `message (default: ${latency ? 2 : 65536}); K and M`, bytes);
      command.option('-a, --all', 'sizes from 2 bytes to 8 MiB');
    }
    if (!latency) {
      command
        .option('-q, --qp <n>', 'QPs (default: 1)', number)
        .option('-Q, --cq-mod <n>', 'one completion for so many requests', number)
        .option('-b, --bidirectional', 'both ends at once')
        .option('-N, --noPeak', 'do not measure the peak')
        .option('--report_gbits', 'Gb/s instead of MiB/s');
    }
    if (test !== 'write_lat' && test !== 'write_bw')
      command.option('-e, --events', 'sleep until there is an event');
    if (test.startsWith('send'))
      command.option('-r, --rx-depth <n>', 'receives posted (default: 512)', number);
    if (/^(send|write)/.test(test)) {
      command.option('-I, --inline_size <bytes>', 'send inline up to this size (default: 0)', number);
      const types = test.startsWith('send') ? ['RC', 'UC', 'UD'] : ['RC', 'UC'];
      command.addOption(
        new Option('-c, --connection <type>', 'type of the QPs (default: RC)').choices(types),
      );
    } else {
      command.option('-o, --outs <n>', 'READs or atomics outstanding', number);
    }
    if (test.startsWith('atomic')) {
      const types = ['FETCH_AND_ADD', 'CMP_AND_SWAP'];
      command.addOption(new Option('-A, --atomic_type <type>', 'default: FETCH_AND_ADD').choices(types));
    }
    command
      .addHelpText('after', `\nExamples:\n  roam perf ${test}\n  roam perf ${test} -n 5000 hostb\n`)
      .action((host: string | undefined, flags: Flags) => run(test, host, flags));
  }
}
