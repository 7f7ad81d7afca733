// Memory that follows the process to its new host.
import type { Duplex } from 'node:stream';
import { type LazyPages, type LazySums, serveLazyPages } from '../criu/pages/index.js';
import { MigrationError, RoamError } from '../errors.js';
import type { AgentClient } from './agent/client.js';
import type { AgentOps } from './agent/protocol.js';
import type { Custody } from './custody.js';
import type { MoveContext } from './move-context.js';
import type { PostCopyReport } from './types.js';

const LOST =
  'its memory was still on the way, and without it the process cannot go on: it has ended on both hosts';

/** Gives the destination what a dump has kept back, from the restore until nothing is missing. */
export class PostCopy {
  readonly #served: Promise<LazySums>;
  #since = performance.now();

  private constructor(
    private readonly socket: Duplex,
    private readonly pages: LazyPages,
    private readonly host: string,
  ) {
    this.#served = serveLazyPages(socket, pages).catch((error) => {
      // The daemon waits for an answer that will not come.
      socket.destroy();
      throw error;
    });
    this.#served.catch(() => {});
  }

  /**
   * Resolves when a restore can begin.
   *
   * @throws RoamError POST_COPY_FAILED, DATA_LINK_FAILED
   */
  static async open({ link, agent, options }: MoveContext, pages: LazyPages): Promise<PostCopy> {
    const { to } = options;
    const socket = await link.connect({ kind: 'lazy', images: 'images' }).catch(async (cause) => {
      const reason = await agent.request('lazyEnd', {}).catch(() => null);
      if (reason === null) throw cause;
      throw new RoamError('POST_COPY_FAILED', reason, { cause, remedy: 'move it without --post-copy' });
    });
    return new PostCopy(socket, pages, to);
  }

  /**
   * The commit is past: lets the process go. Its memory comes through this agent and no other.
   *
   * @throws MigrationError PROCESS_LOST when the agent is
   */
  async resume(agent: AgentClient, args: AgentOps['resume']['args'], custody: Custody) {
    const resumed = await agent.request('resume', args).catch((error: Error) => {
      custody.doubt();
      throw agent.lost ? this.#lost('resume', error.message, error) : error;
    });
    this.#since = performance.now();
    return { ...resumed, agent };
  }

  /**
   * Waits until all memory is there.
   *
   * @throws MigrationError PROCESS_LOST
   */
  async arrives(agent: AgentClient, warn: (problem: string) => void): Promise<PostCopyReport> {
    const answer = agent.request('lazyEnd', {}).then(
      (problem) => ({ problem, known: true }),
      (error: Error) => ({ problem: error.message, known: false }),
    );
    const sums = await this.#served.catch((error: Error) => error);
    const { problem, known } = await answer;
    const ms = Math.round(performance.now() - this.#since);
    this.socket.destroy();
    const failure = sums instanceof Error ? sums : undefined;
    if (known ? problem !== null : failure) throw this.#lost('post-copy', problem ?? '', failure);
    if (!known) warn(`${this.host}: all memory that it asked for was sent, then: ${problem}`);
    const { pages, bytes } = sums instanceof Error ? { pages: 0, bytes: 0 } : sums;
    return { kept: this.pages.pages, pages, bytes, ms };
  }

  #lost(phase: string, reason: string, cause: Error | undefined): MigrationError {
    return new MigrationError(phase, `${reason}; ${LOST}`, {
      host: this.host,
      code: 'PROCESS_LOST',
      remedy: 'start it anew; where losing it is worse than a longer blackout, move without --post-copy',
      cause,
    });
  }
}
