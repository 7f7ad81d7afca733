// The state of one migration at the destination, and how to get rid of it.
import { RoamError } from '../../errors.js';
import { packageVersion } from '../../package-version.js';
import type { MovedAddress } from '../address.js';
import { dockerPlace } from '../docker/place.js';
import { reserveHere } from '../hold.js';
import { Journal } from '../journal.js';
import { netnsAt } from '../netns/facts.js';
import type { ContainerOrder } from '../oci/restore.js';
import { podmanPlace } from '../podman/place.js';
import { setRanges } from '../ranges.js';
import { removeDirectory } from '../remove.js';
import { bootId, livingTasks, taskId, ticksNow } from '../task-id.js';
import * as containers from './containers.js';
import { lackingCpu } from './cpu.js';
import { DataServer } from './data.js';
import * as facts from './facts.js';
import { hostLogs } from './host-logs.js';
import { routes } from './links.js';
import * as lost from './lost.js';
import { TcpLock, takeAddress } from './network.js';
import { peerHost } from './peer-host.js';
import { placeFiles } from './place.js';
import { placeFor, prepareDirectory } from './prepare.js';
import type { AgentOp, AgentOps } from './protocol.js';
import { PROTOCOL_VERSION } from './protocol.js';
import { reach } from './reach.js';
import { spaceAt } from './space.js';
import { runAll, type Step } from './steps.js';
import { survey } from './survey.js';
import { killTasks, restoreTree, resumeTree, stillResuming, verifyTree } from './tasks.js';

type Args<Op extends AgentOp> = AgentOps[Op]['args'];
type Handlers = { [Op in AgentOp]: (args: Args<Op>) => Promise<AgentOps[Op]['result']> };

export class AgentSession {
  #criu = 'criu';
  #dir?: string;
  #id = 'roam';
  #lock?: TcpLock;
  #data?: DataServer;
  #armed = false;
  #resumed = false;
  #done = false;
  #undo: Step[] = [];
  /** What still has to end once the process runs here: locks, backups. */
  #onFinish: Step[] = [];
  #announced?: Promise<string | undefined>;
  #journal?: Journal;

  perform(op: AgentOp, args: unknown): Promise<unknown> {
    const handler = this.#handlers[op] as ((args: unknown) => Promise<unknown>) | undefined;
    if (!handler) throw new RoamError('AGENT_PROTOCOL', `unknown agent request "${op}"`);
    return handler(args);
  }

  /**
   * stdin has ended. After `arm` this side cannot know whether the source is dead: the id of what waits for
   * an answer comes back.
   */
  async connectionLost(): Promise<string | undefined> {
    if (this.#done) return undefined;
    if (this.#resumed) {
      // Its memory may come still: it has a connection of its own.
      await this.#memoryComes();
      await this.#close(await runAll(this.#onFinish.splice(0)));
    } else if (!this.#armed) await this.#rollback();
    else return this.#id;
    return undefined;
  }

  readonly #handlers: Handlers = {
    hello: async ({ criu }) => {
      this.#criu = criu;
      return { protocol: PROTOCOL_VERSION, version: await packageVersion() };
    },
    ping: async () => null,
    facts: async (wanted) => facts.hostFacts(this.#criu, wanted),
    takenIds: async ({ ids }) => facts.takenIds(ids),
    sizes: async ({ paths }) => facts.sizes(paths),
    identical: async ({ files }) => facts.identical(files),
    cpu: async ({ description }) => lackingCpu(this.#criu, description),
    clock: async () => facts.clock(),
    routes: async ({ addresses }) => routes(addresses),
    reach: async ({ addresses }) => reach(addresses),
    peerHost: async () => peerHost(),
    survey: async () => survey(this.#criu),
    setRanges: async ({ ranges }) => setRanges(ranges).then(() => null),
    space: async ({ paths }) => spaceAt(paths),
    prepare: async ({ bytes, id, origin, keepImages }) => {
      this.#id = id;
      const dir = await placeFor(id, bytes);
      this.#dir = dir;
      const remove = { what: `removing ${dir}`, fn: () => removeDirectory(dir) };
      if (!keepImages) for (const steps of [this.#undo, this.#onFinish]) steps.push(remove);
      this.#journal = await Journal.create({
        id,
        role: 'destination',
        boot: await bootId(),
        owner: await taskId(process.pid),
        other: lost.wayBack(origin, this.#criu),
        dir,
        phase: 'prepare',
        origin,
      });
      await prepareDirectory(dir);
      return { dir };
    },
    openData: async () => {
      const data = await DataServer.listen(this.#directory(), this.#criu);
      this.#data = data;
      this.#undo.push({ what: 'closing the way of data', fn: () => data.close() });
      this.#onFinish.unshift({ what: 'closing the way of data', fn: () => data.close() });
      // A listener that has started this process passes connections on to it.
      process.send?.({ data: data.path });
      return { path: data.path };
    },
    pagesEnd: async ({ images }) => (await this.#data?.pagesEnd(images)) ?? null,
    placeFiles: async ({ paths }) => {
      await this.#journal?.mark({ files: await lost.places(paths) });
      const placed = placeFiles(this.#directory(), paths, this.#id);
      this.#undo.push({ what: 'putting files back', fn: placed.undo });
      this.#onFinish.push({ what: 'removing backups', fn: placed.finish });
      await placed.run();
      return null;
    },
    lockTcp: async ({ connections, netns }) => {
      if (!this.#lock) {
        const lock = new TcpLock(this.#id, [], netns);
        this.#lock = lock;
        this.#undo.push({ what: 'unlocking TCP', fn: () => lock.abandon() });
        this.#onFinish.unshift({ what: 'unlocking TCP', fn: () => lock.release() });
      }
      await this.#journal?.mark({ connections, ...(netns ? { netns } : {}) });
      await this.#lock.set(connections);
      return null;
    },
    reserve: async ({ reservations, holdMs }) => {
      await this.#journal?.mark({ reservations });
      this.#undo.push({ what: 'ending reservations', fn: () => reserveHere(reservations, 0) });
      await reserveHere(reservations, holdMs);
      return null;
    },
    takeAddress: async ({ address, dev, inside }) => {
      const taken = await takeAddress(address, dev, inside);
      this.#undo.push({ what: `giving ${address.ip} back`, fn: taken.undo });
      const mark = async (what: MovedAddress) => this.#journal?.mark({ phase: 'address', address: what });
      const { announced, ...result } = await taken.run(mark);
      this.#announced = announced;
      return result;
    },
    netns: async ({ path }) => netnsAt(path),
    restore: async (args) => {
      const { pids, lazy, container } = args;
      if (container) return this.#restoreContainer(container, args);
      const begun = { phase: 'restore', since: await ticksNow(), lazy: lazy || undefined } as const;
      await this.#journal?.mark({ ...begun, pids });
      this.#undo.push({ what: 'killing the restored processes', fn: () => killTasks(pids) });
      const restored = await restoreTree({ ...args, criu: this.#criu, dir: this.#directory(), id: this.#id });
      if (lazy) await this.#data?.lazy?.guard(pids);
      await this.#journal?.mark({ copy: await livingTasks(pids) });
      return restored;
    },
    container: containers.askRuntime,
    docker: async (wanted) => dockerPlace(wanted),
    podman: async (wanted) => podmanPlace(wanted),
    createContainer: async (args) => containers.createDocker(this.#forContainers, args),
    createPodman: async (args) => containers.createPodman(this.#forContainers, args),
    lazyEnd: async () => (await this.#memoryComes()) ?? null,
    verify: async ({ pids }) => verifyTree(pids),
    arm: async () => {
      this.#armed = true;
      await this.#journal?.mark({ phase: 'commit', verified: true });
      return null;
    },
    resume: async ({ pids, stopped }) => {
      // The lock has to be gone before the tasks run, or their first packets would wait for a retransmission.
      const unlocking = await this.#finishNow('unlocking TCP');
      const result = await resumeTree(pids, stopped);
      this.#resumed = true;
      this.#data?.lazy?.hurry();
      await this.#journal?.mark({ phase: 'resume', resumed: true });
      return { ...result, warnings: [...unlocking, ...result.warnings] };
    },
    resuming: async ({ pids }) => stillResuming(pids),
    logs: async () => hostLogs(this.#dir ? { dir: this.#dir, id: this.#id } : {}),
    finish: async () => {
      this.#done = true;
      const warnings = await runAll(this.#onFinish.splice(0));
      const unannounced = await this.#announced;
      await this.#close(warnings);
      if (unannounced) warnings.push(`announcing the address: ${unannounced}`);
      return { warnings };
    },
    findCopy: lost.findCopy,
    settleCopy: lost.settleCopy,
    findSource: lost.findSource,
    settleSource: lost.settleOwn,
    abort: async () => ({ warnings: await this.#rollback() }),
  };

  get #forContainers(): containers.ContainerSession {
    return {
      criu: this.#criu,
      dir: this.#directory(),
      id: this.#id,
      journal: this.#journal,
      onUndo: (step) => void this.#undo.push(step),
      onFinish: (step) => void this.#onFinish.unshift(step),
    };
  }

  async #restoreContainer(order: ContainerOrder, how: Args<'restore'>) {
    const { pid, ms, pids, stopped } = await containers.restoreHere(this.#forContainers, order, how);
    if (how.lazy) await this.#data?.lazy?.guard(pids);
    await containers.noteCopy(this.#journal, { pids, stopped });
    return { pid, ms, copy: { pids, stopped } };
  }

  /** What went wrong, if something did. */
  async #memoryComes(): Promise<string | undefined> {
    const problem = await this.#data?.lazyEnd();
    if (problem === undefined) await this.#journal?.mark({ lazy: undefined });
    return problem;
  }

  async #finishNow(what: string): Promise<string[]> {
    const due = this.#onFinish.filter((step) => step.what === what);
    this.#onFinish = this.#onFinish.filter((step) => step.what !== what);
    return runAll(due);
  }

  #directory(): string {
    if (!this.#dir) throw new RoamError('AGENT_PROTOCOL', 'the agent has not been told to prepare');
    return this.#dir;
  }

  async #rollback(): Promise<string[]> {
    this.#done = true;
    this.#armed = false;
    return this.#close(await runAll(this.#undo.splice(0).reverse()));
  }

  /** What could not be done stays in the journal, for `roam recover`. */
  async #close(warnings: string[]): Promise<string[]> {
    await (warnings.length === 0 ? this.#journal?.remove() : this.#journal?.mark({ owner: undefined }));
    return warnings;
  }
}
