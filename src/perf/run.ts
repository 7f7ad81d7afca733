import { setTimeout as sleep } from 'node:timers/promises';
import { RoamError } from '../errors.js';
import { type Context, open } from '../verbs/context.js';
import { BandwidthRun } from './bandwidth.js';
import { LatencyRun } from './latency.js';
import { Peer } from './peer.js';
import { connectLane, type Lane, makeResources, type Resources } from './resources.js';
import { settle } from './settle.js';
import { listenOnce, connect as tcpConnect } from './tcp.js';
import type { BandwidthRow, PerfOptions, PerfRow, Settled } from './types.js';
import { warmUp } from './warm-up.js';

/** perftest's own figures for a page and a cache line where they cannot be asked for. */
const PAGE = 4096;
const LINE = 64;
/** Milliseconds that a finished write_lat stays for the peer's last acknowledgement. */
const LINGER = 10_000;

/** What a test tells as it goes. */
export interface PerfListener {
  onListening?(port: number): void;
  /** All that is known before the keys are exchanged. */
  /** @internal */
  onSetup?(options: Settled, resources: Resources): void;
  /** @internal */
  onConnected?(resources: Resources): void;
  /** A row, as this end prints it. */
  onRow?(row: PerfRow): void;
}

/** The result of a test. */
export interface PerfResult {
  options: Settled;
  device: string;
  mtu: number;
  rows: PerfRow[];
}

/**
 * Runs a test of perftest's, as its server or its client, against perftest or this.
 *
 * @throws {RoamError} `USAGE` for options that do not fit; `PERF_PEER` for a peer that says something
 * else; `NO_RDMA_DEVICE`, `NO_GID` @throws {WorkCompletionError} @throws the signal's reason
 */
export async function perf(options: PerfOptions, listener: PerfListener = {}): Promise<PerfResult> {
  const settled = settle(options);
  const { signal } = settled;
  const context = open(settled.device);
  try {
    await warmUp(context, settled);
    const socket =
      settled.host === undefined
        ? await listenOnce(settled.port, (port) => listener.onListening?.(port), signal)
        : await tcpConnect(settled.host, settled.port, signal);
    const peer = new Peer(socket, settled.client);
    try {
      const session = await Session.open(context, settled, peer, listener);
      const { options: used, mtu } = session;
      return { options: used, device: context.device, mtu, rows: await session.run() };
    } finally {
      peer.close();
    }
  } finally {
    await context.close();
  }
}

/** A UD message is one packet: without a size, and with all of them, the MTU is the largest. */
function fitUd(options: Settled, mtu: number): Settled {
  if (options.connection !== 'UD' || options.size <= mtu) return options;
  if (options.sizeGiven) {
    throw new RoamError('USAGE', `a UD message has at most ${mtu} bytes here, not ${options.size}`);
  }
  return { ...options, size: mtu };
}

/** One test over one exchange. */
class Session {
  /** As they fit the connection. */
  readonly options: Settled;
  readonly #resources: Resources;
  readonly #peer: Peer;
  readonly #listener: PerfListener;

  private constructor(options: Settled, resources: Resources, peer: Peer, listener: PerfListener) {
    this.options = options;
    this.#resources = resources;
    this.#peer = peer;
    this.#listener = listener;
  }

  get mtu(): number {
    return this.#resources.mtu;
  }

  static async open(
    context: Context,
    settled: Settled,
    peer: Peer,
    listener: PerfListener,
  ): Promise<Session> {
    const { signal, test, verb, latency } = settled;
    const active = context.port(settled.ibPort).mtu;
    // perftest waits here so that a slow server is ready.
    if (test === 'write_bw') await sleep(1000, undefined, { signal });
    await peer.exchangeVersion(signal);
    const cycle = await peer.exchangeMax(PAGE, signal);
    const line = await peer.exchangeMax(LINE, signal);
    const mtu = await peer.exchangeMtu(Math.min(settled.mtu ?? active, active), signal);
    const options = fitUd(settled, mtu);
    const resources = makeResources(context, options, { mtu, cycle, line });
    const session = new Session(options, resources, peer, listener);
    listener.onSetup?.(options, resources);
    if (latency && verb !== 'send') await session.#barrier();
    await session.#keys();
    for (const lane of resources.lanes) connectLane(resources, lane, options);
    if (verb === 'send') await session.#barrier();
    await session.#keys();
    if (verb !== 'send') await session.#barrier();
    listener.onConnected?.(resources);
    return session;
  }

  async run(): Promise<PerfRow[]> {
    const { verb, latency } = this.options;
    const rows = latency
      ? await this.#latency()
      : verb === 'send'
        ? await this.#sendBandwidth()
        : await this.#oneSided();
    if (verb === 'write' && latency) await this.#peer.ended(LINGER);
    else await this.#barrier();
    return rows;
  }

  #sizes(): number[] {
    const { all, size, connection } = this.options;
    const sizes = all ? Array.from({ length: 23 }, (_, index) => 2 ** (index + 1)) : [size];
    return connection === 'UD' ? sizes.filter((bytes) => bytes <= this.#resources.mtu) : sizes;
  }

  #row<T extends PerfRow>(row: T): T {
    this.#listener.onRow?.(row);
    return row;
  }

  async #latency(): Promise<PerfRow[]> {
    const { verb, client } = this.options;
    const rows: PerfRow[] = [];
    // The server of READs has nothing to do.
    if (verb === 'read' && !client) return rows;
    for (const size of this.#sizes()) {
      const run = new LatencyRun(this.options, this.#resources, size);
      if (verb === 'send') await this.#barrier();
      rows.push(this.#row(await run.run()));
    }
    return rows;
  }

  async #sendBandwidth(): Promise<PerfRow[]> {
    const { all, bidirectional, duration } = this.options;
    const rows: PerfRow[] = [];
    for (const size of this.#sizes()) {
      const run = new BandwidthRun(this.options, this.#resources, size);
      await this.#barrier();
      const own = await run.run();
      rows.push(this.#row(bidirectional && duration === undefined ? await this.#sum(own) : own));
      if (all) await this.#barrier();
    }
    return rows;
  }

  async #oneSided(): Promise<PerfRow[]> {
    const { all, bidirectional, client } = this.options;
    const rows: PerfRow[] = [];
    if (bidirectional) {
      for (const size of this.#sizes()) {
        await this.#barrier();
        const own = await new BandwidthRun(this.options, this.#resources, size).run();
        if (all) await this.#barrier();
        rows.push(this.#row(await this.#sum(own)));
      }
      return rows;
    }
    if (client) {
      for (const size of this.#sizes()) {
        rows.push(this.#row(await new BandwidthRun(this.options, this.#resources, size).run()));
      }
    }
    // The server waits here while the client does everything, and then learns what it found.
    await this.#barrier();
    const last = rows.at(-1) as BandwidthRow | undefined;
    const remote = await this.#reports(
      last ?? { size: 0, iterations: 0, peak: 0, average: 0, messageRate: 0 },
    );
    if (!client) rows.push(this.#row(remote));
    return rows;
  }

  async #reports({ size, iterations, peak, average, messageRate }: BandwidthRow): Promise<BandwidthRow> {
    const values = [size, iterations, peak, average, messageRate];
    const answer = await this.#peer.exchangeDoubles(values, this.options.signal);
    const [s = 0, i = 0, p = 0, a = 0, m = 0] = answer;
    return { size: s, iterations: i, peak: p, average: a, messageRate: m };
  }

  /** Both directions together; size and iterations are those of one. */
  async #sum(own: BandwidthRow): Promise<BandwidthRow> {
    const remote = await this.#reports(own);
    return {
      ...own,
      peak: own.peak + remote.peak,
      average: own.average + remote.average,
      messageRate: own.messageRate + remote.messageRate,
    };
  }

  async #keys(): Promise<void> {
    for (const lane of this.#resources.lanes) await this.#exchange(lane);
  }

  /** perftest's barrier is one more exchange of the first key. */
  #barrier(): Promise<void> {
    return this.#exchange(this.#resources.lanes[0] as Lane);
  }

  async #exchange(lane: Lane): Promise<void> {
    lane.remote = await this.#peer.exchangeKey(lane.key, this.options.signal);
  }
}
