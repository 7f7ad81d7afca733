// The source's end of the agent protocol: one connection for all requests.
import { createInterface } from 'node:readline';
import { RoamError } from '../../errors.js';
import {
  type AgentFailure,
  type AgentOp,
  type AgentOps,
  type AgentResponse,
  PROTOCOL_VERSION,
} from './protocol.js';
import { openTransport, type Transport, type Way } from './transport.js';

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** An error that the agent reported about its own host. */
export class AgentError extends RoamError {
  readonly logTail?: string;

  constructor(
    failure: AgentFailure,
    /** As the way to it names it. */
    readonly host: string,
  ) {
    super(failure.code ?? 'AGENT_FAILED', failure.message, failure.remedy ? { remedy: failure.remedy } : {});
    if (failure.logTail) this.logTail = failure.logTail;
  }
}

const PING_INTERVAL_MS = 5000;
/** An agent that has spoken once and then leaves so many pings unanswered hangs: its host is as good as lost. */
const UNANSWERED_PINGS = 12;

export class AgentClient implements AsyncDisposable {
  #next = 1;
  #pending = new Map<number, Pending>();
  #gone?: Error;
  #timer: NodeJS.Timeout;
  /** Pings since the agent was last heard: counted, not timed, because this process may itself have been stopped. */
  #unanswered?: number;

  private constructor(
    readonly transport: Transport,
    readonly host: string,
  ) {
    createInterface({ input: transport.output }).on('line', (line) => this.#receive(line));
    void transport.ended.then((reason) => this.#fail(reason));
    this.#timer = setInterval(() => {
      // Its end rejects every request, and a rollback is not kept waiting.
      if (this.#unanswered === UNANSWERED_PINGS) {
        transport.kill();
        return;
      }
      if (this.#unanswered !== undefined) this.#unanswered++;
      void this.request('ping', {}).catch(() => {});
    }, PING_INTERVAL_MS);
    this.#timer.unref();
  }

  /**
   * Starts an agent at the destination.
   *
   * @throws RoamError SSH_FAILED, AGENT_MISSING, AGENT_VERSION; TLS_FILE, TLS_FAILED, TLS_PEER_UNKNOWN, TLS_REFUSED
   */
  static async connect(way: Way): Promise<AgentClient> {
    const { host, criu } = way;
    const client = new AgentClient(await openTransport(way), host);
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
      this.transport.input.write(`${JSON.stringify({ id, op, args })}\n`);
    });
  }

  /** The connection is gone: what became of the agent is not known. */
  get lost(): boolean {
    return this.#gone !== undefined;
  }

  /** Ends the connection; an agent that has not been told otherwise undoes what it did. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.transport.input.end();
    await this.transport.ended;
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
    if ('error' in response) pending?.reject(new AgentError(response.error, this.host));
    else pending?.resolve(response.result);
  }

  #fail(error: Error): void {
    this.#gone = error;
    clearInterval(this.#timer);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
