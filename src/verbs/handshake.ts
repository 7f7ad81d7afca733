import { isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import { RoamError } from '../errors.js';
import type { ConnectOptions, Endpoint } from './connection.js';
import type { Mr } from './mr.js';
import type { Qp } from './qp.js';
import type { RemoteAddress } from './work-request.js';

const VERSION = 1;
/** Bytes. A peer that sends no end of line must not fill the memory. */
const MAX_LINE = 64 * 1024;

export interface HandshakeOptions extends ConnectOptions {
  /** MRs that the peer is told of, by name. */
  regions?: Record<string, Mr>;
  /** Anything else that JSON can carry. */
  data?: unknown;
  signal?: AbortSignal;
}

export interface HandshakeResult {
  remote: Endpoint;
  /** The peer's MRs: what READ, WRITE and atomics name. */
  regions: Record<string, RemoteAddress & { length: number }>;
  data: unknown;
}

interface Hello {
  roamHandshake: number;
  endpoint: Endpoint;
  regions: Record<string, { address: string; rkey: number; length: number }>;
  data?: unknown;
}

function fault(message: string, cause?: unknown): RoamError {
  return new RoamError('HANDSHAKE', `the peer's handshake: ${message}`, { cause });
}

/** Reads one line, and gives back to the stream what follows it. */
function readLine(stream: Duplex, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0);
    const settle = (act: () => void) => {
      stream.off('readable', onReadable);
      stream.off('end', onEnd);
      stream.off('close', onEnd);
      stream.off('error', onError);
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const onReadable = () => {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
        held = Buffer.concat([held, typeof chunk === 'string' ? Buffer.from(chunk) : chunk]);
        const end = held.indexOf(10);
        if (end >= 0) {
          const rest = held.subarray(end + 1);
          if (rest.length > 0) stream.unshift(rest);
          settle(() => resolve(held.toString('utf8', 0, end)));
          return;
        }
        if (held.length > MAX_LINE) {
          settle(() => reject(fault(`a line of over ${MAX_LINE} bytes`)));
          return;
        }
      }
    };
    const onEnd = () => settle(() => reject(fault('it closed the connection')));
    const onError = (error: Error) => settle(() => reject(fault(error.message, error)));
    const onAbort = () => settle(() => reject(signal?.reason));
    signal?.throwIfAborted();
    stream.on('readable', onReadable);
    stream.on('end', onEnd);
    stream.on('close', onEnd);
    stream.on('error', onError);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (stream.destroyed || stream.readableEnded) onEnd();
    else onReadable();
  });
}

function isEndpoint(value: unknown): value is Endpoint {
  const { qpn, psn, gid, lid, mtu } = (value ?? {}) as Partial<Record<keyof Endpoint, unknown>>;
  const within = (number: unknown, max: number) =>
    Number.isInteger(number) && (number as number) >= 0 && (number as number) <= max;
  return (
    within(qpn, 0xffffff) &&
    within(psn, 0xffffff) &&
    within(lid, 0xffff) &&
    [256, 512, 1024, 2048, 4096].includes(mtu as number) &&
    typeof gid === 'string' &&
    isIPv6(gid)
  );
}

function parseHello(line: string): Hello {
  let hello: Partial<Hello> | null;
  try {
    hello = JSON.parse(line);
  } catch (error) {
    throw fault(`no JSON: ${line.slice(0, 80)}`, error);
  }
  if (hello?.roamHandshake !== VERSION) throw fault(`version ${hello?.roamHandshake}, expected ${VERSION}`);
  if (!isEndpoint(hello.endpoint)) throw fault('no endpoint in it');
  for (const [name, region] of Object.entries(hello.regions ?? {})) {
    const { address, rkey, length } = region ?? {};
    if (!/^\d{1,20}$/.test(String(address)) || !Number.isInteger(rkey) || !Number.isSafeInteger(length))
      throw fault(`region ${name.slice(0, 40)} makes no sense`);
  }
  return hello as Hello;
}

/** See `qp.handshake()`. */
export async function handshake(qp: Qp, stream: Duplex, options: HandshakeOptions): Promise<HandshakeResult> {
  const { regions = {}, data, signal, ...connect } = options;
  const hello: Hello = {
    roamHandshake: VERSION,
    endpoint: qp.endpoint(connect.gidIndex, connect.port),
    regions: Object.fromEntries(
      Object.entries(regions).map(([name, { address, rkey, length }]) => [
        name,
        { address: address.toString(), rkey, length },
      ]),
    ),
    ...(data === undefined ? {} : { data }),
  };
  stream.write(`${JSON.stringify(hello)}\n`);
  const answer = parseHello(await readLine(stream, signal));
  qp.connect(answer.endpoint, connect);
  // Neither end may send before the other can receive.
  stream.write('ready\n');
  const ready = await readLine(stream, signal);
  if (ready !== 'ready') throw fault(`expected "ready", got ${ready.slice(0, 80)}`);
  return {
    remote: answer.endpoint,
    regions: Object.fromEntries(
      Object.entries(answer.regions ?? {}).map(([name, { address, rkey, length }]) => [
        name,
        { address: BigInt(address), rkey, length },
      ]),
    ),
    data: answer.data,
  };
}
