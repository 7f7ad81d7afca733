// A stock ib_send_bw between two nodes of the lab: its server on one, its client on the other.
import { setTimeout as sleep } from 'node:timers/promises';
import { RoamError } from '../errors.js';
import type { LabNode } from '../lab/index.js';
import { gidOf } from '../migrate/gid.js';

const OUTPUT = '/var/tmp/ib_send_bw.out';
const EXIT_CODE = '/var/tmp/ib_send_bw.exit';

export interface EndResult {
  /** Iterations that the benchmark reports as done. */
  completed: number;
  exitCode: number;
  output: string;
}

export interface WorkloadPlan {
  iterations: number;
  /** Message size in bytes. */
  size: number;
  /** The address that the server listens on and whose GID its QP has. */
  serverAddress: string;
}

/** Index of an address in rxe0's GID table on a node. */
async function gidIndexOn(node: LabNode, ip: string): Promise<number> {
  const script =
    'cd /sys/class/infiniband/rxe0/ports/1/gids && for i in $(seq 0 31); do read -r g < "$i" && [ "$g" = "$1" ] && echo "$i" && exit; done; exit 1';
  for (let tries = 0; tries < 20; tries++) {
    const { exitCode, stdout } = await node.exec(['sh', '-c', script, 'sh', gidOf(ip)], { reject: false });
    if (exitCode === 0) return Number(stdout.trim());
    await sleep(100);
  }
  throw new RoamError('NO_GID', `rxe0 of node ${node.name} has no GID for ${ip}`);
}

/** The command line of one end, without the server's address. */
function command({ iterations, size }: WorkloadPlan, gidIndex: number): string[] {
  return [
    'ib_send_bw',
    '-d',
    'rxe0',
    '-x',
    String(gidIndex),
    '-b',
    '-F',
    '-s',
    String(size),
    '-n',
    String(iterations),
  ];
}

/** Iterations in the line of results: `65536  1000  ...`. */
export function completedIterations(output: string, size: number): number {
  const match = new RegExp(`^\\s*${size}\\s+(\\d+)\\s+(?:[\\d.]+|inf)`, 'm').exec(output);
  return match ? Number(match[1]) : 0;
}

export class Workload {
  private constructor(
    readonly command: string,
    /** Root of the tree that is moved: a shell that notes the exit code of its ib_send_bw. */
    readonly pid: number,
    private readonly plan: WorkloadPlan,
    private readonly client: Promise<EndResult>,
  ) {}

  /** Starts both ends; resolves as soon as the client has been started. */
  static async start(server: LabNode, client: LabNode, plan: WorkloadPlan): Promise<Workload> {
    const argv = command(plan, await gidIndexOn(server, plan.serverAddress));
    await server.exec(['rm', '-f', EXIT_CODE]);
    // The shell stays for the exit code, which otherwise only the parent on the first host would be told.
    const noteExitCode = `"$@"; echo $? > ${EXIT_CODE}`;
    const pid = await server.start(['sh', '-c', noteExitCode, 'sh', ...argv], { log: OUTPUT });
    await awaitListening(server);
    const clientArgv = [...command(plan, await gidIndexOn(client, client.ip)), plan.serverAddress];
    const running = client.exec(clientArgv, { reject: false }).then(({ exitCode, stdout: out, stderr }) => ({
      completed: completedIterations(out, plan.size),
      exitCode,
      output: [out, stderr].filter(Boolean).join('\n'),
    }));
    running.catch(() => {});
    return new Workload(argv.join(' '), pid, plan, running);
  }

  clientEnd(): Promise<EndResult> {
    return this.client;
  }

  /** What both ends have written so far, for the reader of a failure. */
  async lastWords(...nodes: LabNode[]): Promise<string> {
    const lines: string[] = [];
    for (const node of nodes) {
      const { exitCode, stdout } = await node.exec(['cat', OUTPUT], { reject: false });
      if (exitCode === 0) lines.push(`server, on ${node.name}:`, stdout);
    }
    const client = await Promise.race([this.client, sleep(1000)]);
    lines.push(client ? `client, exit code ${client.exitCode}:\n${client.output}` : 'the client still runs');
    return lines.join('\n');
  }

  /** Waits until the server, now on `node`, has ended. */
  async serverEnd(node: LabNode, timeoutMs: number): Promise<EndResult> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const { exitCode, stdout } = await node.exec(['cat', EXIT_CODE], { reject: false });
      if (exitCode === 0 && stdout.trim()) {
        const output = (await node.exec(['cat', OUTPUT], { reject: false })).stdout;
        return {
          completed: completedIterations(output, this.plan.size),
          exitCode: Number(stdout.trim()),
          output,
        };
      }
      if (Date.now() > deadline) {
        const output = (await node.exec(['cat', OUTPUT], { reject: false })).stdout;
        return {
          completed: completedIterations(output, this.plan.size),
          exitCode: -1,
          output: `${output}\n(still running)`,
        };
      }
      await sleep(500);
    }
  }
}

/** perftest's TCP port. */
const PORT = ':18515';

async function awaitListening(node: LabNode): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const { stdout } = await node.exec(['ss', '-Htln'], { reject: false });
    if (stdout.includes(PORT)) return;
    await sleep(100);
  }
  const output = (await node.exec(['cat', OUTPUT], { reject: false })).stdout;
  throw new RoamError('WORKLOAD_FAILED', `ib_send_bw does not listen on node ${node.name}: ${output}`);
}
