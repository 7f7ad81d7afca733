// What someone needs who was not there: facts and logs of both hosts, as long as they are to be had.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentClient } from './agent/client.js';
import { hostLogs } from './agent/host-logs.js';
import type { Inspected } from './inspect.js';
import type { MigrateOptions, SupportFile } from './types.js';

/** A process may be frozen while the destination is asked. */
const REMOTE_TIMEOUT_MS = 5000;

/** Collects only if `options.onSupport` asks for it. */
export class Support {
  readonly #files = new Map<string, string>();
  agent?: AgentClient;
  /** Where the migration lies on this host. */
  place: { dir?: string; id?: string } = {};

  constructor(private readonly options: MigrateOptions) {
    const { signal, onEvent, onSupport, ...plain } = options;
    this.#json('options.json', plain);
  }

  facts({ source, destination, findings }: Inspected): void {
    const { host, cpu, ...process } = source;
    this.#json('source/facts.json', host);
    this.#json('source/process.json', process);
    this.#json('destination/facts.json', destination);
    this.#json('findings.json', findings);
  }

  /** Called before anything is removed, and again later: what is gone by then stays as it was. Never throws. */
  async collect(): Promise<void> {
    if (!this.options.onSupport) return;
    const there = this.agent
      ? Promise.race([
          this.agent.request('logs', {}),
          sleep(REMOTE_TIMEOUT_MS, undefined, { ref: false }).then(() => {
            throw new Error(`${this.options.to} did not answer in ${REMOTE_TIMEOUT_MS / 1000} s`);
          }),
        ])
      : Promise.reject(new Error(`there was no connection to ${this.options.to}`));
    const missing = (error: Error): SupportFile[] => [{ name: 'missing.txt', text: `${error.message}\n` }];
    const [source, destination] = await Promise.all([
      hostLogs(this.place).catch(missing),
      there.catch(missing),
    ]);
    for (const { name, text } of source) this.#files.set(`source/${name}`, text);
    for (const { name, text } of destination) this.#files.set(`destination/${name}`, text);
  }

  deliver(): void {
    this.options.onSupport?.([...this.#files].map(([name, text]): SupportFile => ({ name, text })));
  }

  #json(name: string, value: unknown): void {
    if (this.options.onSupport) this.#files.set(name, `${JSON.stringify(value, undefined, 2)}\n`);
  }
}
