import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { LabError } from '../errors.js';
import { programFile } from '../package-root.js';
import { chooseAccel } from './accel.js';
import { wantsDebugKernel } from './image/debug.js';
import { ensureImage, KERNELS, type KernelChoice } from './image/index.js';
import { LabNode } from './node.js';
import type { LabPlan } from './plan.js';
import { nodeSpecs, type RxeModule } from './qemu.js';
import { request } from './request.js';
import { checkName, claimRunDir, DEFAULT_LAB, type LabStatus, runDir } from './state.js';

/** What {@link Lab.up} is asked for. */
export interface LabOptions {
  /** Number of nodes (`a`, `b`, `c`, ...) or their names. Default 3. */
  nodes?: number | string[];
  /** rdma_rxe of every node, or of single nodes (others get `roam`). Default `roam`. */
  modules?: RxeModule | Record<string, RxeModule>;
  /** Kernel of the nodes: Debian's stable one, or that of its backports. Default: `ROAM_LAB_KERNEL`, else `stable`. */
  kernel?: KernelChoice;
  /** Name of the lab; labs of different names may run side by side. Default: one of its own. */
  name?: string;
  /** Memory of a node in MiB, default 1024. */
  memory?: number;
  /** What the nodes are to have beside what a migration needs: `docker`, `podman`, `game`, `mpi`. */
  extra?: string;
  /** Called with a line of text at each step. */
  onProgress?: (message: string) => void;
  /** Ends the start, and with it the lab, when aborted. */
  signal?: AbortSignal;
}

/** KVM takes a few seconds, TCG about ten, and several times that on a busy machine. */
const BOOT_TIMEOUT = 180_000;
/** The debug kernel keeps a byte beside every eight, and freed memory for a while. */
const DEBUG = { bootTimeout: 5 * BOOT_TIMEOUT, memory: 2048 };
let labsStarted = 0;

/** A running lab: SoftRoCE nodes as virtual machines on a network of their own. */
export class Lab {
  readonly nodes: LabNode[];

  private constructor(
    readonly name: string,
    status: LabStatus,
    private readonly release: (() => Promise<void>) | undefined,
  ) {
    this.nodes = status.nodes.map((node) => new LabNode(name, node));
  }

  /**
   * Builds what is missing of the guest image, boots the nodes and waits until each has an active rxe0.
   * The lab ends with {@link down}, or with this process, however that ends.
   *
   * @throws LabError when the image can't be built or a node does not boot; nothing is left running.
   */
  static async up(options: LabOptions = {}): Promise<Lab> {
    const name = checkName('lab', options.name ?? `lab${process.pid}-${++labsStarted}`);
    const progress = options.onProgress ?? (() => {});
    const plan = await makePlan(name, options, progress);
    options.signal?.throwIfAborted();
    const dir = await claimRunDir(name);
    await writeFile(path.join(dir, 'plan.json'), JSON.stringify(plan));

    progress(`booting ${plan.nodes.map((node) => node.name).join(', ')} (${plan.accel})`);
    const supervisor = startSupervisor(dir);
    const release = async () => {
      supervisor.child.ref();
      supervisor.child.stdin?.destroy();
      if (supervisor.running()) await supervisor.ended;
      await rm(dir, { recursive: true, force: true });
    };
    try {
      return new Lab(name, await awaitBoot(name, dir, supervisor, progress, options.signal), release);
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Finds a running lab by name. It does not end with this process. */
  static async attach(name: string = DEFAULT_LAB): Promise<Lab> {
    return new Lab(name, await request<LabStatus>(name, { op: 'status' }), undefined);
  }

  /** @throws LabError when the lab has no node of that name. */
  node(name: string): LabNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found) return found;
    const known = this.nodes.map((node) => node.name).join(', ');
    throw new LabError(`the lab has no node '${name}'`, {
      code: 'LAB_NODE',
      remedy: `its nodes are ${known}`,
    });
  }

  /** State of the lab and its nodes now. */
  status(): Promise<LabStatus> {
    return request<LabStatus>(this.name, { op: 'status' });
  }

  /** Lets the lab run on when this process ends. */
  async detach(): Promise<void> {
    await request(this.name, { op: 'detach' });
  }

  /** Ends the lab; resolves when its processes are gone. */
  async down(): Promise<void> {
    if (this.release) return this.release();
    const { pid } = await this.status();
    await request(this.name, { op: 'down' });
    while (isAlive(pid)) await sleep(20);
    await rm(runDir(this.name), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }
}

async function makePlan(
  name: string,
  options: LabOptions,
  progress: (message: string) => void,
): Promise<LabPlan> {
  const { nodes = 3, modules = 'roam' } = options;
  const names = typeof nodes === 'number' ? defaultNames(nodes) : nodes;
  for (const node of names) checkName('node', node);
  if (new Set(names).size !== names.length || names.length === 0 || names.length > 16)
    throw new LabError(`'${names.join(',')}' is no list of 1 to 16 different node names`, {
      code: 'LAB_NAME',
    });
  for (const key of typeof modules === 'string' ? [] : Object.keys(modules))
    if (!names.includes(key))
      throw new LabError(`a module is given for '${key}', which is no node`, {
        code: 'LAB_NAME',
        remedy: `the nodes are ${names.join(', ')}`,
      });
  const specs = nodeSpecs(names, (node) =>
    typeof modules === 'string' ? modules : (modules[node] ?? 'roam'),
  );
  const image = await ensureImage(chooseKernel(options.kernel), progress, options.signal, options.extra);
  if (specs.some((node) => node.module === 'roam') && !image.payload.parts.includes('module'))
    throw new LabError('this checkout has no native/rxe/build.sh, so no module of its own', {
      code: 'LAB_MODULE',
      remedy: "use '--module stock'",
    });
  const accel = await chooseAccel(image);
  const { stdout: tscKhz } = await execa(image.payload.tscKhz);
  return {
    name,
    nodes: specs,
    image,
    accel,
    tscKhz: Number(tscKhz),
    memory: 1024,
    bootTimeout: BOOT_TIMEOUT,
    ...(wantsDebugKernel() ? DEBUG : {}),
    ...(options.memory === undefined ? {} : { memory: options.memory }),
  };
}

function chooseKernel(asked: string = process.env.ROAM_LAB_KERNEL || 'stable'): KernelChoice {
  const known = KERNELS.find((kernel) => kernel === asked);
  if (known) return known;
  throw new LabError(`the lab has no kernel '${asked}'`, {
    code: 'LAB_KERNEL',
    remedy: `use ${KERNELS.join(' or ')} (--kernel, ROAM_LAB_KERNEL)`,
  });
}

function defaultNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i));
}

function startSupervisor(dir: string) {
  const log = openSync(path.join(dir, 'supervisor.log'), 'w');
  // In a session of its own: a Ctrl-C in the terminal is the starter's to handle, the lifeline does the rest.
  const child = spawn(
    'unshare',
    ['--net', '--pid', '--fork', '--kill-child', process.execPath, programFile('lab/supervisor'), dir],
    { stdio: ['pipe', log, log], detached: true },
  );
  closeSync(log);
  child.unref();
  (child.stdin as unknown as { unref?: () => void }).unref?.();
  let running = true;
  const ended = new Promise<void>((resolve) => {
    const done = () => {
      running = false;
      resolve();
    };
    child.once('exit', done).once('error', done);
  });
  return { child, ended, running: () => running };
}

async function awaitBoot(
  name: string,
  dir: string,
  supervisor: ReturnType<typeof startSupervisor>,
  progress: (message: string) => void,
  signal: AbortSignal | undefined,
): Promise<LabStatus> {
  const announced = new Set<string>();
  for (;;) {
    signal?.throwIfAborted();
    if (!supervisor.running())
      throw new LabError("the lab's supervisor ended", {
        code: 'LAB_SUPERVISOR',
        remedy: `see ${dir}/supervisor.log`,
      });
    const status = await request<LabStatus>(name, { op: 'status' }).catch((error: LabError) => {
      if (error.code === 'LAB_ABSENT') return undefined;
      throw error;
    });
    for (const node of status?.nodes ?? [])
      if (node.state === 'up' && !announced.has(node.name)) {
        announced.add(node.name);
        progress(`node ${node.name} is up: ${node.ip}, rxe0 (${node.module})`);
      }
    if (status?.state === 'up') return status;
    if (status?.state === 'failed')
      throw new LabError(status.error ?? 'the lab failed', { code: 'LAB_BOOT' });
    await sleep(100);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
