// From the freeze at the source to the first instruction at the destination.

import { hostname } from 'node:os';
import { type RestartedCall, restartInterruptedCalls } from '../criu/index.js';
import type { MigrationError } from '../errors.js';
import { filesToCarry } from './carry.js';
import { changeAddress } from './change-address.js';
import { cleanUp } from './cleanup.js';
import { dumpTree, reasonOf } from './dump.js';
import { FloatingAddress, floatingFacts } from './floating.js';
import { type Frozen, frozenObjects, readFrozen, resumeFrozen } from './frozen.js';
import { demandHeld, holdStill } from './held.js';
import { holdTime, type Place, reservationsOf, reserveHere } from './hold.js';
import { subjectOf } from './inspect.js';
import type { MoveContext } from './move-context.js';
import { locksTcp } from './netns/inside.js';
import { placeOf } from './oci/container.js';
import type { Phases } from './phases.js';
import { PostCopy } from './post-copy.js';
import { fateOf } from './proc.js';
import { type Copy, restoreCopy } from './restore.js';
import { settle } from './settle.js';
import { syncAll } from './sync.js';
import { sendImages } from './transfer.js';
import type { CarriedFile, MigrationReport, MovedObjects } from './types.js';
import { verifyCopy } from './verify.js';

/** A large process takes its time to die. */
const FATE_TIMEOUT_MS = 30_000;

/** One attempt; `run` is called once. */
export class Move {
  #frozenAt = 0;
  #frozenMs = 0;
  #bytes = 0;
  #carried: CarriedFile[] = [];
  #restarted: RestartedCall[] = [];
  /** Set in the freeze. */
  #frozen: Frozen;
  /** Of the copy's QPs. */
  #places: Place[] = [];
  /** The processes at the destination. */
  #copy: Copy = { contexts: 0, pids: [], stopped: [] };
  readonly #maxHoldMs: number;
  readonly #floating?: FloatingAddress;
  #address?: MigrationReport['address'];
  #postCopy?: PostCopy;
  #objects: MovedObjects = { qp: [], mr: [], cq: 0 };

  constructor(private readonly c: MoveContext) {
    const { tasks, pids, connections, rdma } = c.source;
    this.#maxHoldMs = holdTime(c.options.maxHoldMs);
    this.#frozen = { tasks, pids, connections, contexts: rdma.contexts };
    const floating = floatingFacts(c.source);
    if (floating)
      this.#floating = new FloatingAddress(floating, c.agent, (problem) => c.phases.warn(problem));
  }

  async run(): Promise<MigrationReport> {
    const { phases, options } = this.c;
    await this.#untilCommit();
    phases.committed();
    await this.#resume();
    await phases
      .run('settle', options.to, () => settle(this.c.agent, this.#copy, phases, options.settleTimeoutMs))
      .catch((error: Error) => {
        // The process runs over there: what is not known is told, and the rest is still cleaned up.
        phases.warn(`${options.to}: ${error.message}`);
      });
    const lost = await this.#memoryArrives().then(
      () => undefined,
      (error: MigrationError) => error,
    );
    // A network of its own has gone with the processes, and what was locked in it.
    const isHere = !this.c.managed?.isApart;
    const locked = locksTcp(this.c.source, options.tcpClose) && isHere;
    const keepImages = options.keepImages ?? false;
    await phases.keepLogs();
    await phases.run('cleanup', options.to, () => cleanUp({ ...this.c, to: options.to, keepImages, locked }));
    if (lost) throw lost;
    return this.#report();
  }

  /** The dump with everything that happens inside its last notification. */
  async #untilCommit(): Promise<void> {
    const { phases, source, dir, pages, options } = this.c;
    const here = hostname();
    phases.throwIfAborted();
    const dump = phases.begin('dump');
    const { managed } = this.c;
    if (managed) phases.onRollback('keeping the container connected', () => managed.staysConnected());
    phases.onRollback('resuming the QPs here', () => resumeFrozen(this.#frozen));
    const thaw = phases.mark();
    let commit: ReturnType<Phases['begin']> | undefined;
    try {
      await dumpTree(source, pages, options.tcpClose ?? false, {
        freezing: () => {
          this.#frozenAt = performance.now();
          phases.note({ frozenAtMs: phases.elapsed() });
        },
        dumped: async ({ bytes }) => {
          try {
            phases.throwIfAborted();
            this.#bytes = bytes;
            dump.end(`${bytes} bytes of memory`);
            this.#frozen = await readFrozen(source.pid);
            await holdStill(this.#frozen.pids, this.c);
            this.#restarted = await restartInterruptedCalls(`${dir}/images`);
            await this.#atDestination();
            // From the end of the process here until its peers know where it is.
            await reserveHere(await reservationsOf(this.#frozen.pids, this.#places), this.#maxHoldMs);
            await this.c.custody.note({ consented: true });
            await demandHeld(source.pid);
            commit = phases.begin('commit');
          } catch (error) {
            // While the source is still frozen: nothing of it may run beside what is left over there.
            await phases.rollback(thaw);
            throw error;
          }
        },
      });
      commit?.end();
    } catch (error) {
      if (this.#frozenAt) phases.note({ frozenMs: this.#sinceFreeze() });
      if (commit) {
        // CRIU ended between the go-ahead and its answer: who owns the process has to be looked up.
        // What is still dying after that long dies: undoing the destination would lose the process.
        if ((await fateOf(source.pid, FATE_TIMEOUT_MS)) === 'alive') throw commit.fail(error, here);
        phases.warn(`CRIU did not confirm the end of process ${source.pid}: ${(error as Error).message}`);
        commit.end();
        return;
      }
      throw dump.fail(await reasonOf(error, source.pid, dir, this.c.id), here);
    }
  }

  async #atDestination(): Promise<void> {
    const { phases, agent, source, options, link, dir, missingFiles, carryLimit, sync, managed } = this.c;
    const { to, tcpClose = false } = options;
    // Undone last: while the destination has not given the address up, two hosts would answer for it.
    phases.onRollback('taking the address back', async () => this.#floating?.takeBack());
    if (managed) phases.onRollback('connecting the container again', () => managed.comeBack());
    phases.onRollback(`undoing everything on ${to}`, async () => {
      const { warnings } = await this.c.custody.abort(agent);
      for (const warning of warnings) phases.warn(`${to}: ${warning}`);
    });
    let sent = 0;
    await phases.run(
      'transfer',
      to,
      async () => {
        const objects = frozenObjects(this.#frozen, (problem) => phases.warn(problem));
        // First: what is the same then need not be carried.
        this.#bytes += await syncAll(sync, to, options.ssh ?? ['ssh']);
        this.#bytes += (await managed?.sync()) ?? 0;
        this.#carried = await filesToCarry(
          this.#frozen.pids,
          missingFiles,
          agent,
          carryLimit,
          placeOf(source.container),
        );
        const paths = this.#carried.map(({ path }) => path);
        sent = await sendImages(link, to, dir, paths);
        this.#bytes += sent;
        if (paths.length > 0) await agent.request('placeFiles', { paths });
        this.#objects = await objects;
        phases.note({ bytes: this.#bytes, carried: this.#carried, objects: this.#objects });
      },
      () => `${sent} bytes`,
    );
    if (this.#floating || managed || this.#frozen.connections.length > 0) {
      await phases.run(
        'address',
        to,
        async () => {
          await demandHeld(source.pid);
          this.#address = await changeAddress(this.c, this.#frozen, this.#floating, this.#maxHoldMs);
        },
        () => this.#address?.ip ?? (managed?.addresses.join(', ') || 'stays'),
      );
    }
    this.#copy = await phases.run('restore', to, async () => {
      await demandHeld(source.pid);
      const { lazy } = this.c.pages;
      if (lazy && lazy.pages > 0) this.#postCopy = await PostCopy.open(this.c, lazy);
      const how = { tcpClose, lazy: this.#postCopy !== undefined };
      return restoreCopy(agent, source, this.#frozen, how, managed?.order(this.#frozen.connections));
    });
    await phases.run('verify', to, async () => {
      this.#places = await verifyCopy(agent, this.#copy, to);
      phases.throwIfAborted();
      await demandHeld(source.pid);
      await agent.request('arm', {});
    });
  }

  async #resume(): Promise<void> {
    const { phases, agent, custody, options } = this.c;
    const { pids, stopped } = this.#copy;
    const [postCopy, order] = [this.#postCopy, { pids, stopped }];
    const resumed = await phases.run('resume', options.to, () =>
      postCopy ? postCopy.resume(agent, order, custody) : custody.resume(agent, order),
    );
    const { warnings } = resumed;
    // Another one, if the first was lost.
    this.c.agent = resumed.agent;
    for (const warning of warnings) phases.warn(`${options.to}: ${warning}`);
    this.#frozenMs = this.#sinceFreeze();
  }

  async #memoryArrives(): Promise<void> {
    const postCopy = this.#postCopy;
    if (!postCopy) return;
    const { phases, agent, options } = this.c;
    const arriving = () => postCopy.arrives(agent, (problem) => phases.warn(problem));
    const report = await phases.run('post-copy', options.to, arriving, ({ bytes }) => `${bytes} bytes`);
    phases.note({ postCopy: report });
  }

  #sinceFreeze(): number {
    return Math.round(performance.now() - this.#frozenAt);
  }

  #report(): MigrationReport {
    const { options, phases } = this.c;
    return {
      ok: true,
      startedAt: phases.startedAt,
      ...subjectOf(options.target, this.c),
      pids: this.#frozen.pids,
      ...(this.#address ? { address: this.#address } : {}),
      phases: phases.records,
      frozenAtMs: phases.known.frozenAtMs ?? 0,
      frozenMs: this.#frozenMs,
      bytes: this.#bytes,
      ...(this.c.rounds ? { rounds: this.c.rounds } : {}),
      ...(phases.known.postCopy ? { postCopy: phases.known.postCopy } : {}),
      wire: this.c.tally.report(),
      carried: this.#carried,
      restartedCalls: this.#restarted,
      objects: this.#objects,
      ...(phases.known.images ? { images: phases.known.images } : {}),
      warnings: phases.warnings,
    };
  }
}
