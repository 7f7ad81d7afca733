import type net from 'node:net';
import { LabError } from '../errors.js';
import { connect } from './state.js';

/** A command to start in a node. */
export interface CommandSpec {
  /** Program and arguments, given to execvp as they are: no shell. */
  argv: string[];
  /** Working directory, default /root. */
  cwd?: string;
  /** Added to the node's environment. */
  env?: Record<string, string>;
  /** Path in the node: run detached with output to this file, input from /dev/null. */
  log?: string;
}

/** How a command ended. */
export type CommandEnd = { exitCode: number } | { signal: number };

/** What a running command calls back. */
export interface CommandEvents {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
}

/**
 * A command that runs in a node. Frames are those of src/lab/guest/agent.c. Closing the connection
 * ends the command's process group.
 */
export class RemoteCommand {
  /** Process id in the node. */
  readonly pid: Promise<number>;
  /** Rejects with LabError when the command can't be started or the node dies. */
  readonly end: Promise<CommandEnd>;
  #buffer: Buffer = Buffer.alloc(0);

  private constructor(
    private readonly socket: net.Socket,
    node: string,
    spec: CommandSpec,
    events: CommandEvents,
  ) {
    let gotPid: (pid: number) => void;
    let noPid: (error: Error) => void;
    this.pid = new Promise((resolve, reject) => {
      gotPid = resolve;
      noPid = reject;
    });
    this.end = new Promise((resolve, reject) => {
      let acknowledged = false;
      let ended = false;
      const fail = (message: string, code: string) => {
        ended = true;
        const error = new LabError(message, { code });
        noPid(error);
        reject(error);
        socket.destroy();
      };
      const handle = (type: string, payload: Buffer) => {
        if (type === 'O') events.stdout(payload);
        else if (type === 'E') events.stderr(payload);
        else if (type === 'P') {
          gotPid(Number(payload.toString()));
          if (spec.log !== undefined) finish({ exitCode: 0 });
        } else if (type === 'F') {
          const [errno, ...text] = payload.toString().split(' ');
          fail(
            `${spec.argv[0]} can't be run on node ${node}: ${text.join(' ')}`,
            errno === '2' ? 'ENOENT' : 'LAB_EXEC',
          );
        } else if (type === 'R') {
          const [kind, number] = payload.toString().split(' ');
          finish(kind === 'signal' ? { signal: Number(number) } : { exitCode: Number(number) });
        }
      };
      const finish = (end: CommandEnd) => {
        ended = true;
        socket.destroy();
        resolve(end);
      };
      socket.on('data', (chunk: Buffer) => {
        this.#buffer = this.#buffer.length ? Buffer.concat([this.#buffer, chunk]) : chunk;
        if (!acknowledged) {
          const newline = this.#buffer.indexOf(10);
          if (newline < 0) return;
          const reply = JSON.parse(this.#buffer.subarray(0, newline).toString()) as { error?: string };
          this.#buffer = this.#buffer.subarray(newline + 1);
          acknowledged = true;
          if (reply.error) return fail(reply.error, 'LAB_NODE');
        }
        while (!ended && this.#buffer.length >= 5) {
          const length = this.#buffer.readUInt32BE(1);
          if (this.#buffer.length < 5 + length) break;
          const type = String.fromCharCode(this.#buffer[0] as number);
          const payload = this.#buffer.subarray(5, 5 + length);
          this.#buffer = this.#buffer.subarray(5 + length);
          handle(type, payload);
        }
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        if (!ended) fail(`the connection to node ${node} ended while ${spec.argv[0]} ran`, 'LAB_NODE');
      });
    });
    this.end.catch(() => {});
    this.pid.catch(() => {});
  }

  /** Starts a command on a node of a running lab. */
  static async start(
    lab: string,
    node: string,
    spec: CommandSpec,
    events: CommandEvents,
  ): Promise<RemoteCommand> {
    if (spec.argv.length === 0) throw new LabError('no command given', { code: 'LAB_EXEC' });
    const socket = await connect(lab);
    if (!socket)
      throw new LabError(`no lab named '${lab}' is running`, {
        code: 'LAB_ABSENT',
        remedy: "start one with 'roam lab up'",
      });
    const command = new RemoteCommand(socket, node, spec, events);
    const env = Object.entries(spec.env ?? {}).map(([key, value]) => `${key}=${value}`);
    const words = [spec.cwd ?? '/root', spec.log ?? '', String(env.length), ...env, ...spec.argv];
    socket.write(`${JSON.stringify({ op: 'exec', node })}\n`);
    command.#send('X', Buffer.from(words.map((word) => `${word}\0`).join('')));
    return command;
  }

  /** Gives bytes to standard input. Resolves when more may be given. */
  async write(chunk: Buffer): Promise<void> {
    for (let offset = 0; offset < chunk.length; offset += 65536)
      if (!this.#send('I', chunk.subarray(offset, offset + 65536)) && !this.socket.destroyed)
        await new Promise<void>((resolve) => {
          const go = () => {
            this.socket.off('drain', go).off('close', go);
            resolve();
          };
          this.socket.once('drain', go).once('close', go);
        });
  }

  /** Ends standard input. */
  closeInput(): void {
    this.#send('C', Buffer.alloc(0));
  }

  /** Sends a signal, by number, to the command's process group. */
  signal(number: number): void {
    this.#send('K', Buffer.from([number]));
  }

  /** Ends the command: its process group gets SIGTERM, and SIGKILL when it is still there after 2 s. */
  abort(): void {
    this.socket.destroy();
  }

  /** Stops and restarts the flow of output. */
  get flow(): { pause(): void; resume(): void } {
    return { pause: () => void this.socket.pause(), resume: () => void this.socket.resume() };
  }

  #send(type: string, payload: Buffer): boolean {
    if (this.socket.destroyed) return true;
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeUInt32BE(payload.length, 1);
    return this.socket.write(Buffer.concat([head, payload]));
  }
}
