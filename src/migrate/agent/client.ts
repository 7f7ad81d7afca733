// The source's end of the agent protocol: one ssh connection for all requests.
import { createInterface } from 'node:readline';
import { RoamError } from '../../errors.js';
import { start } from '../run.js';
import {
  type AgentFailure,
  type AgentOp,
  type AgentOps,
  type AgentResponse,
  PROTOCOL_VERSION,
} from './protocol.js';

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** An error that the agent reported about its own host. */
export class AgentError extends RoamError {
  readonly logTail?: string;

  constructor(failure: AgentFailure) {
    super(failure.code ?? 'AGENT_FAILED', failure.message, failure.remedy ? { remedy: failure.remedy } : {});
    if (failure.logTail) this.logTail = failure.logTail;
  }
}

export const SSH_OPTIONS = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15', '-o', 'ServerAliveInterval=5'];

const PING_INTERVAL_MS = 5000;
/** An agent that has spoken once and then leaves so many pings unanswered hangs: its host is as good as lost. */
const UNANSWERED_PINGS = 12;

/** Quotes an argument for the shell that sshd starts. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A shell with administrator directories on PATH: a non-interactive login often lacks them. */
export function remoteCommand(words: string[]): string {
  return `PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" exec ${words.map(shellQuote).join(' ')}`;
}

export class AgentClient implements AsyncDisposable {
  #next = 1;
  #pending = new Map<number, Pending>();
  #gone?: Error;
  #stderr = '';
  #timer: NodeJS.Timeout;
  /** Pings since the agent was last heard: counted, not timed, because this process may itself have been stopped. */
  #unanswered?: number;

  private constructor(
    private readonly host: string,
    private readonly ssh: ReturnType<typeof startSsh>,
  ) {
    const { child, exited } = ssh;
    createInterface({ input: child.stdout }).on('line', (line) => this.#receive(line));
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4000);
    });
    void exited.then((end) => this.#fail(this.#explain(end.exitCode)));
    this.#timer = setInterval(() => {
      // Its end rejects every request, and a rollback is not kept waiting.
      if (this.#unanswered === UNANSWERED_PINGS) {
        child.kill('SIGKILL');
        return;
      }
      if (this.#unanswered !== undefined) this.#unanswered++;
      void this.request('ping', {}).catch(() => {});
    }, PING_INTERVAL_MS);
    this.#timer.unref();
  }

  /**
   * Starts `roam agent` at the destination.
   *
   * @throws RoamError SSH_FAILED, AGENT_MISSING, AGENT_VERSION
   */
  static async connect(host: string, ssh: string[], roam: string[], criu: string): Promise<AgentClient> {
    const client = new AgentClient(host, startSsh(host, ssh, [...roam, 'agent']));
    try {
      const { protocol, version } = await client.request('hello', { criu });
      if (protocol !== PROTOCOL_VERSION) {
        throw new RoamError(
          'AGENT_VERSION',
          `roam ${version} on ${host} speaks another agent protocol (${protocol}, here ${PROTOCOL_VERSION})`,
          {
            remedy: 'install the same version of roam-rdma on both hosts',
          },
        );
      }
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  request<Op extends AgentOp>(op: Op, args: AgentOps[Op]['args']): Promise<AgentOps[Op]['result']> {
    if (this.#gone) return Promise.reject(this.#gone);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.ssh.child.stdin.write(`${JSON.stringify({ id, op, args })}\n`);
    });
  }

  /** The connection is gone: what became of the agent is not known. */
  get lost(): boolean {
    return this.#gone !== undefined;
  }

  /** Ends the connection; an agent that has not been told otherwise undoes what it did. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.ssh.child.stdin.end();
    await this.ssh.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #receive(line: string): void {
    this.#unanswered = 0;
    let response: AgentResponse;
    try {
      response = JSON.parse(line) as AgentResponse;
    } catch {
      return; // what a login script prints
    }
    const pending = this.#pending.get(response.id);
    this.#pending.delete(response.id);
    if ('error' in response) pending?.reject(new AgentError(response.error));
    else pending?.resolve(response.result);
  }

  #fail(error: Error): void {
    this.#gone = error;
    clearInterval(this.#timer);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #explain(exitCode: number): RoamError {
    const words = this.#stderr.trim().split('\n').at(-1) ?? '';
    if (exitCode === 127) {
      return new RoamError('AGENT_MISSING', `there is no roam command on ${this.host}: ${words}`, {
        remedy: `install roam-rdma on ${this.host}, or name the command with --remote-roam`,
      });
    }
    if (exitCode === 255) {
      return new RoamError('SSH_FAILED', `ssh to ${this.host} failed: ${words || 'connection lost'}`, {
        remedy: `make \`ssh ${this.host} true\` work as root without a prompt`,
      });
    }
    if (exitCode < 0) {
      return new RoamError(
        'AGENT_GONE',
        `the connection to ${this.host} was lost: ssh was killed, or nothing came`,
      );
    }
    return new RoamError('AGENT_GONE', `the agent on ${this.host} ended (exit code ${exitCode}): ${words}`);
  }
}

function startSsh(host: string, ssh: string[], command: string[]) {
  const [file = 'ssh', ...options] = ssh;
  return start(file, [...options, ...SSH_OPTIONS, '--', host, remoteCommand(command)]);
}
