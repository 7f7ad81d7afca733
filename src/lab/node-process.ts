import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabPlan } from './plan.js';
import { AGENT_PORT, type NodeSpec, qemuArgs } from './qemu.js';
import type { NodeStatus } from './state.js';

/** Lines of an oops that are kept: reason, registers, stack. */
const OOPS_LINES = 60;

/** The kernel's last words, with what led to them: the console's file goes away with the lab. */
function panicText(console: string): string | undefined {
  const panic = /Kernel panic[^\n]*/.exec(console)?.[0];
  if (!panic) return undefined;
  const oops = console.slice(
    Math.max(0, console.search(/BUG:|Oops|general protection|stack guard|double fault/)),
  );
  return `${panic}\n${oops.split('\n').slice(0, OOPS_LINES).join('\n')}`;
}

/** A node's QEMU, from its start to its end. Lives in the supervisor. */
export class NodeProcess {
  state: NodeStatus['state'] = 'booting';
  /** Why it is dead. */
  reason = '';
  /** Resolves when the node's agent answers and its rxe0 is there; rejects when that can't happen any more. */
  readonly ready: Promise<void>;
  readonly #qemu: ChildProcess;
  readonly #console: string;
  readonly #deathListeners = new Set<() => void>();

  constructor(
    readonly spec: NodeSpec,
    plan: LabPlan,
    runDir: string,
  ) {
    this.#console = path.join(runDir, `${spec.name}.console`);
    const args = qemuArgs(spec, plan, this.#console);
    const log = openSync(path.join(runDir, `${spec.name}.qemu`), 'w');
    this.#qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#qemu.on('error', (error) => this.#died(`qemu-system-x86_64 can't be run: ${error.message}`));
    this.#qemu.on('exit', (code, signal) => {
      const said = readFileSync(path.join(runDir, `${spec.name}.qemu`), 'utf8').trim();
      const panic = panicText(this.#consoleText());
      this.#died(panic ?? (said || `QEMU ended with ${signal ?? `exit code ${code}`}`));
    });
    this.ready = this.#awaitAgent(plan.bootTimeout);
    this.ready.catch(() => {});
  }

  /** Process id as seen from outside the supervisor's pid namespace. */
  #outerPid(): number {
    // Children of a pid namespace's process 1 are listed with outer ids in the outer /proc.
    const self = readFileSync('/proc/self/task/'.concat(String(outerThreadId()), '/children'), 'utf8');
    for (const pid of self.trim().split(/\s+/)) {
      const name = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (name.includes(`\0roam-${this.spec.name}\0`)) return Number(pid);
    }
    return 0;
  }

  status(): NodeStatus {
    const { name, ip, module } = this.spec;
    const pid = this.state === 'dead' ? 0 : this.#outerPid();
    return { name, ip, module, state: this.state, pid, console: this.#console };
  }

  /** Calls `listener` when the node dies. */
  onDeath(listener: () => void): () => void {
    this.#deathListeners.add(listener);
    return () => this.#deathListeners.delete(listener);
  }

  kill(): void {
    this.#qemu.kill('SIGKILL');
  }

  #died(reason: string): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.reason = reason;
    for (const listener of this.#deathListeners) listener();
  }

  #consoleText(): string {
    try {
      return readFileSync(this.#console, 'utf8');
    } catch {
      return '';
    }
  }

  async #awaitAgent(timeout: number): Promise<void> {
    const deadline = Date.now() + timeout;
    const tail = () => this.#consoleText().split('\n').slice(-15).join('\n');
    for (;;) {
      if (this.state === 'dead')
        throw new Error(`node ${this.spec.name} died while booting: ${this.reason}\n${tail()}`);
      if (await answers(this.spec.controlIp)) break;
      if (Date.now() > deadline)
        throw new Error(`node ${this.spec.name} did not boot within ${timeout / 1000} s:\n${tail()}`);
      await sleep(100);
    }
    const complaint = /roam-lab: (?!ready)[^\n]*/.exec(this.#consoleText())?.[0];
    if (complaint) throw new Error(`node ${this.spec.name}: ${complaint.slice(10)}\n${tail()}`);
    this.state = 'up';
  }
}

function outerThreadId(): number {
  return Number(/^Pid:\s+(\d+)/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1]);
}

function answers(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: AGENT_PORT, timeout: 1000 });
    const done = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket
      .once('connect', () => done(true))
      .once('error', () => done(false))
      .once('timeout', () => done(false));
  });
}
