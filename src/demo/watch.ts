// The sampler on the peer, as the demo sees it.
import { createInterface } from 'node:readline';
import { RoamError } from '../errors.js';
import type { LabNode } from '../lab/index.js';
import type { PeerSample } from '../report/types.js';
import type { Gap, SamplerLine } from './sampler.js';

/** A sample costs about a millisecond of an emulated processor that the benchmark needs too. */
const INTERVAL_MS = 20;

export class Watch {
  received = 0;
  /** What the peer had received, twice a second. */
  readonly samples: PeerSample[] = [];
  /** Resolves when the sampler samples; rejects when it ends before that. */
  readonly ready: Promise<void>;
  #started = () => {};
  #result?: { samples: number; gaps: Gap[] };
  #stderr = '';
  readonly #child: ReturnType<LabNode['spawn']>;

  constructor(node: LabNode) {
    this.#child = node.spawn(['roam', 'sampler', '--interval', String(INTERVAL_MS)]);
    const { stdout, stderr } = this.#child;
    if (stdout) createInterface({ input: stdout }).on('line', (line) => this.#read(line));
    stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-2000);
    });
    this.ready = new Promise((resolve, reject) => {
      this.#started = resolve;
      const ended = () =>
        reject(new RoamError('SAMPLER_FAILED', `the sampler on the peer ended: ${this.#stderr.trim()}`));
      this.#child.then(ended, ended);
    });
    this.ready.catch(() => {});
  }

  #read(line: string): void {
    const said = JSON.parse(line) as SamplerLine;
    this.#started();
    if (said.type === 'result') this.#result = said;
    else {
      this.received = said.received;
      this.samples.push({ t: said.t, received: said.received });
    }
  }

  /** Ends the sampler; gaps from longest to shortest. @throws RoamError SAMPLER_FAILED */
  async result(): Promise<{ samples: number; gaps: Gap[] }> {
    this.#child.stdin?.end();
    await this.#child;
    if (!this.#result)
      throw new RoamError('SAMPLER_FAILED', `the sampler on the peer ended early: ${this.#stderr.trim()}`);
    return this.#result;
  }

  abandon(): void {
    this.#child.kill('SIGTERM');
  }
}
