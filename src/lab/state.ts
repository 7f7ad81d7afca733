import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { LabError } from '../errors.js';
import type { Accel, RxeModule } from './qemu.js';

/** Name of the lab that commands mean when none is given. */
export const DEFAULT_LAB = 'default';

/** Where running labs keep their socket and logs. */
export function runDir(name?: string): string {
  const root = path.join(process.env.XDG_RUNTIME_DIR || '/run', 'roam-rdma');
  return name === undefined ? root : path.join(root, name);
}

/** The supervisor's socket. */
export function controlSocket(name: string): string {
  return path.join(runDir(name), 'control');
}

/** One node as `lab status` shows it. */
export interface NodeStatus {
  name: string;
  ip: string;
  module: RxeModule;
  state: 'booting' | 'up' | 'dead';
  /** Process id of its QEMU. */
  pid: number;
  /** File with what its kernel and init printed. */
  console: string;
}

/** A lab as `lab status` shows it. */
export interface LabStatus {
  name: string;
  state: 'booting' | 'up' | 'failed';
  /** Why the state is `failed`. */
  error?: string;
  accel: Accel;
  /** Process id of the supervisor: its network namespace holds the bridges `net` and `ctl`. */
  pid: number;
  nodes: NodeStatus[];
}

/** Checks a lab or node name: it becomes a file, host and process name. */
export function checkName(kind: string, name: string): string {
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(name))
    throw new LabError(`'${name}' is no ${kind} name`, {
      code: 'LAB_NAME',
      remedy: 'use up to 15 lower case letters, digits and dashes, a letter first',
    });
  return name;
}

/** Opens a connection to the supervisor; undefined when no lab of that name runs. */
export async function connect(name: string): Promise<net.Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(controlSocket(name));
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
    });
  });
}

/** Makes the run directory of a new lab; what a dead one of that name left is removed. */
export async function claimRunDir(name: string): Promise<string> {
  const other = await connect(name);
  if (other) {
    other.destroy();
    throw new LabError(`a lab named '${name}' is already running`, {
      code: 'LAB_EXISTS',
      remedy: `end it with 'roam lab down --name ${name}' or choose another --name`,
    });
  }
  const dir = runDir(name);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  return dir;
}

/** A directory without a supervisor is a dead lab's, unless it has just been made for one that starts. */
async function isOld(dir: string): Promise<boolean> {
  const info = await stat(dir).catch(() => undefined);
  return info !== undefined && Date.now() - info.mtimeMs > 30_000;
}

/** Names of labs that run now; directories of dead ones are removed. */
export async function runningLabs(): Promise<string[]> {
  const names: string[] = [];
  for (const name of await readdir(runDir()).catch(() => [])) {
    const socket = await connect(name);
    if (socket) names.push(name);
    else if (await isOld(runDir(name))) await rm(runDir(name), { recursive: true, force: true });
    socket?.destroy();
  }
  return names;
}
