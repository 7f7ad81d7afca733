// The engine's hold on what a migration leaves on two hosts: journal, guard, and a second way to the destination.
import { setTimeout as sleep } from 'node:timers/promises';
import { MigrationError } from '../errors.js';
import { AgentClient } from './agent/client.js';
import type { AgentOps } from './agent/protocol.js';
import { waysTo } from './agent/transport.js';
import { decide } from './decide.js';
import { floatingFacts } from './floating.js';
import { Guard } from './guard.js';
import { Journal, type JournalEntry, type Origin } from './journal.js';
import { sourceState } from './lookup.js';
import { locksTcp } from './netns/inside.js';
import type { Phases } from './phases.js';
import { type SourceFacts, stoppedBefore } from './source.js';
import { bootId, taskId } from './task-id.js';
import type { InspectOptions } from './types.js';
import { wayOf } from './way.js';

/** How long the destination is looked for, once the process is its own. */
const FINISH_TIMEOUT_MS = 30_000;
const RETRY_MS = 2000;

type Resumed = AgentOps['resume']['result'];

/** The process tree as the other host, and whoever comes later, has to know it. */
export async function originOf(source: SourceFacts): Promise<Origin> {
  return {
    hostname: source.hostname,
    boot: await bootId(),
    root: await taskId(source.pid),
    pids: source.pids,
    stopped: stoppedBefore(source),
    contexts: source.rdma.contexts,
  };
}

export class Custody {
  /** Something may be left at the destination that its agent does not remove any more. */
  #open = false;
  #undone = false;
  /** Takes the place of a lost agent until the end. */
  #second?: AgentClient;

  private constructor(
    private readonly journal: Journal,
    private readonly guard: Guard,
    private readonly phases: Phases,
  ) {}

  static async begin(
    id: string,
    dir: string,
    source: SourceFacts,
    origin: Origin,
    options: InspectOptions,
    phases: Phases,
  ): Promise<Custody> {
    const { host, ...how } = wayOf(options);
    const address = floatingFacts(source);
    const netns = source.inside?.path;
    // First: it finds nothing to do as long as there is no journal.
    const guard = new Guard(id);
    const journal = await Journal.create({
      id,
      role: 'source',
      boot: origin.boot,
      owner: await taskId(process.pid),
      other: { hosts: [host], ...how },
      dir,
      phase: 'prepare',
      origin,
      ...(address ? { address } : {}),
      ...(netns ? { netns } : {}),
      locked: locksTcp(source, options.tcpClose),
    }).catch((error) => {
      guard.dismiss();
      throw error;
    });
    return new Custody(journal, guard, phases);
  }

  /** For who looks on; nothing depends on it. */
  reached(phase: string): void {
    void this.journal.mark({ phase }).catch(() => {});
  }

  /** What has to be known to undo what comes next. */
  async note(fields: Pick<JournalEntry, 'ties' | 'consented' | 'stopSignal'>): Promise<void> {
    await this.journal.mark(fields);
  }

  /** The agent is lost in a way that it may leave something behind. */
  doubt(): void {
    this.#open = true;
  }

  /** Undoes everything at the destination, by another connection if the agent is lost. */
  async abort(agent: AgentClient): Promise<{ warnings: string[] }> {
    try {
      const { warnings } = await agent.request('abort', {});
      this.#open = warnings.length > 0;
      return { warnings };
    } catch (error) {
      this.#open = true;
      if (!agent.lost) throw error;
      // Before the source runs: a copy that stays behind must never be taken for the only one.
      await this.journal.settle({ settled: 'undo' });
      const { warnings, client } = await this.#settle('undo');
      await client.close();
      return { warnings };
    }
  }

  /** The commit is past: lets the process go at the destination, by another connection if the agent is lost. */
  async resume(
    agent: AgentClient,
    args: AgentOps['resume']['args'],
  ): Promise<Resumed & { agent: AgentClient }> {
    try {
      return { ...(await agent.request('resume', args)), agent };
    } catch (error) {
      this.#open = true;
      if (!agent.lost) throw error;
      const { warnings, client } = await this.#finishElsewhere(error as Error);
      this.#second = client;
      return { contexts: 0, warnings: [(error as Error).message, ...warnings], agent: client };
    }
  }

  /** Tells the destination that the migration is over, by another connection if the agent is lost. */
  async finish(agent: AgentClient): Promise<{ warnings: string[] }> {
    try {
      return await agent.request('finish', {});
    } catch (error) {
      this.#open = true;
      const { warnings, client } = await this.#settle('finish');
      await client.close();
      return { warnings: [(error as Error).message, ...warnings] };
    }
  }

  /** The last thing, when everything here is done or undone: whatever may be left is the guard's. */
  async end(agent: AgentClient | undefined, committed: boolean): Promise<void> {
    await this.#second?.close();
    // An agent that is there undoes what it did when it is left; one that is lost may have had no time to.
    if (!committed && agent?.lost && !this.#undone) this.#open = true;
    if (!this.#open) {
      await this.journal.remove().catch(() => {});
      this.guard.dismiss();
      return;
    }
    const { id, other } = this.journal.entry;
    const decided = committed ? {} : ({ settled: 'undo', cleared: true } as const);
    await this.journal.settle({ owner: undefined, ...decided }).catch(() => {});
    this.guard.takeOver();
    this.phases.warn(
      `what is left on ${other.hosts[0]} is looked for in the background, for ten minutes; later: roam recover ${id}`,
    );
  }

  /** @throws RoamError when there is no way there, or it is not what the facts ask for */
  async #settle(action: 'finish' | 'undo'): Promise<{ warnings: string[]; client: AgentClient }> {
    const { id, other, origin } = this.journal.entry;
    const [host = ''] = other.hosts;
    const client = await AgentClient.connect({ ...other, host, timeoutMs: 5000 });
    try {
      const { state } = await client.request('findCopy', { id, takeOver: true });
      const source = await sourceState(origin, this.journal.entry, { byOwner: true });
      // In a rollback the source is frozen still, and will live.
      const right = decide(action === 'undo' ? 'undone' : source, state);
      if (right.action !== action && state !== 'absent')
        throw new MigrationError('resume', `the copy is ${state}: ${right.reason}`, { host });
      const { warnings } = await client.request('settleCopy', { id, action });
      this.#open = warnings.length > 0;
      this.#undone = action === 'undo' && warnings.length === 0;
      return { warnings, client };
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  async #finishElsewhere(first: Error): Promise<{ warnings: string[]; client: AgentClient }> {
    const { id, other } = this.journal.entry;
    for (const deadline = Date.now() + FINISH_TIMEOUT_MS; ; await sleep(RETRY_MS)) {
      try {
        return await this.#settle('finish');
      } catch (error) {
        if (Date.now() < deadline) continue;
        throw new MigrationError(
          'resume',
          `the process has ended here and waits, stopped, at ${other.hosts[0]}, which does not answer: ${first.message}; ${(error as Error).message}`,
          {
            cause: error,
            host: other.hosts[0] as string,
            code: 'NOT_RESUMED',
            remedy: `make ${waysTo(other.hosts[0] ?? '')} work: it is let go then, for ten minutes by itself, later by \`roam recover ${id}\`; or run there: roam recover ${id} --assume-source-dead`,
          },
        );
      }
    }
  }
}
