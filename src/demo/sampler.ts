// Watches the QPs of a host and finds the times in which none of them completed anything.
import { setTimeout as sleep } from 'node:timers/promises';
import { RoamError } from '../errors.js';
import { openRxe } from '../rxe/index.js';

/** An interval without any completion, as far as sampling can tell. */
export interface Gap {
  /** When the last completion before it was seen, milliseconds since the epoch. */
  from: number;
  /** When the first one after it was seen. */
  to: number;
  ms: number;
  /** Both ends may lie this much earlier: time since the sample before them. */
  resolutionMs: number;
}

export type SamplerLine =
  /** Progress, twice a second: messages that the QPs have received in full (their MSN). */
  { type: 'progress'; t: number; received: number } | { type: 'result'; samples: number; gaps: Gap[] };

/** Message sequence number and PSNs have 24 bits (IBTA 9.2). */
const MODULUS = 2 ** 24;

const KEPT_GAPS = 5;

/** Turns samples into gaps; free of time and devices, so that it can be tested. */
export class GapFinder {
  readonly gaps: Gap[] = [];
  samples = 0;
  received = 0;
  #last?: { t: number; resolution: number };
  #previous?: { t: number; progress: Map<number, { msn: number; compPsn: number }> };

  /** One sample: for each QPN the messages received and the PSN up to which sends are acknowledged. */
  add(t: number, progress: Map<number, { msn: number; compPsn: number }>): void {
    this.samples++;
    const before = this.#previous;
    this.#previous = { t, progress };
    if (!before) return;
    let moved = false;
    for (const [qpn, now] of progress) {
      const then = before.progress.get(qpn);
      if (!then) continue;
      if (now.msn !== then.msn || now.compPsn !== then.compPsn) moved = true;
      this.received += (now.msn - then.msn + MODULUS) % MODULUS;
    }
    if (!moved) return;
    const resolution = t - before.t;
    if (this.#last)
      this.#note({
        from: this.#last.t,
        to: t,
        ms: t - this.#last.t,
        resolutionMs: Math.max(resolution, this.#last.resolution),
      });
    this.#last = { t, resolution };
  }

  #note(gap: Gap): void {
    this.gaps.push(gap);
    this.gaps.sort((a, b) => b.ms - a.ms);
    this.gaps.length = Math.min(this.gaps.length, KEPT_GAPS);
  }
}

/**
 * Samples until `signal` aborts, and writes SamplerLines.
 *
 * @throws RoamError NO_RDMA_DEVICE, ROAM_UNSUPPORTED
 */
export async function sample(
  device: string,
  intervalMs: number,
  signal: AbortSignal,
  write: (line: SamplerLine) => void,
): Promise<void> {
  if (!(intervalMs > 0))
    throw new RoamError('BAD_INTERVAL', `${intervalMs} is not an interval in milliseconds`);
  const finder = new GapFinder();
  const rxe = openRxe(device);
  try {
    let told = 0;
    while (!signal.aborted) {
      const t = Date.now();
      finder.add(
        t,
        new Map(
          rxe
            .listQps()
            .filter(({ pid }) => pid > 0)
            .map(({ qpn, msn, compPsn }) => [qpn, { msn, compPsn }]),
        ),
      );
      if (t - told >= 500) {
        told = t;
        write({ type: 'progress', t, received: finder.received });
      }
      await sleep(intervalMs, undefined, { signal }).catch(() => {});
    }
  } finally {
    rxe.close();
  }
  write({ type: 'result', samples: finder.samples, gaps: finder.gaps });
}
