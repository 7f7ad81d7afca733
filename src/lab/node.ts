import path from 'node:path';
import { execa, type ResultPromise } from 'execa';
import { LabError } from '../errors.js';
import { programFile } from '../package-root.js';
import { copyIn, copyOut } from './copy.js';
import { type CommandSpec, RemoteCommand } from './exec.js';
import type { NodeStatus } from './state.js';

/** How {@link LabNode.exec} runs a command. */
export interface ExecOptions {
  /** Bytes for standard input; without it the command reads end of file at once. */
  stdin?: string | Buffer;
  /** Milliseconds after which the command is ended and the call rejects. Default: no limit. */
  timeout?: number;
  /** Whether a non-zero exit code rejects. Default true. */
  reject?: boolean;
  /** Working directory, default /root. */
  cwd?: string;
  /** Added to the node's environment. */
  env?: Record<string, string>;
}

/** How a command ended, and what it wrote (without the last newline, as execa has it). */
export interface ExecResult {
  /** 128 + N after signal N. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

const MESSAGE_LIMIT = 2000;

/** One node of a running lab. */
export class LabNode {
  readonly name: string;
  /** Address of eth0 and so of rxe0. */
  readonly ip: string;

  constructor(
    /** Name of its lab. */
    readonly lab: string,
    status: NodeStatus,
  ) {
    this.name = status.name;
    this.ip = status.ip;
  }

  /**
   * Runs a command and collects its output; arguments arrive as given, there is no shell.
   *
   * @throws LabError when it can't be started, exits non-zero (unless `reject: false`), or takes too long.
   */
  async exec(argv: string[], options: ExecOptions = {}): Promise<ExecResult> {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const command = await RemoteCommand.start(this.lab, this.name, pick(argv, options), {
      stdout: (chunk) => out.push(chunk),
      stderr: (chunk) => err.push(chunk),
    });
    let late = false;
    const timer =
      options.timeout &&
      setTimeout(() => {
        late = true;
        command.abort();
      }, options.timeout);
    const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString().replace(/\n$/, '');
    try {
      if (options.stdin !== undefined) await command.write(Buffer.from(options.stdin));
      command.closeInput();
      const end = await command.end;
      const exitCode = 'signal' in end ? 128 + end.signal : end.exitCode;
      const result = { exitCode, stdout: text(out), stderr: text(err) };
      if (exitCode !== 0 && options.reject !== false) throw failed(this.name, argv, result);
      return result;
    } catch (error) {
      if (!late) throw error;
      throw new LabError(
        `${argv.join(' ')} on node ${this.name} did not end within ${options.timeout} ms: ${endOf(text(err) || text(out))}`,
        { code: 'LAB_TIMEOUT' },
      );
    } finally {
      clearTimeout(timer || undefined);
    }
  }

  /** Starts a command as a local subprocess (execa) that stands for the remote one: same streams, same exit code. */
  spawn(argv: string[], options: { cwd?: string; env?: Record<string, string> } = {}): ResultPromise {
    const spec = JSON.stringify(pick(argv, options));
    return execa(process.execPath, [programFile('lab/exec-main'), this.lab, this.name, spec], {
      reject: false,
    });
  }

  /** Starts a command that outlives the call, with its output in a file of the node. Gives its process id there. */
  async start(
    argv: string[],
    options: { log: string; cwd?: string; env?: Record<string, string> },
  ): Promise<number> {
    const command = await RemoteCommand.start(
      this.lab,
      this.name,
      { ...pick(argv, options), log: options.log },
      { stdout: () => {}, stderr: () => {} },
    );
    return command.pid;
  }

  /** Copies a local file or directory into the node, to a path or into an existing directory, like cp -a. */
  push(src: string, dst: string): Promise<void> {
    return copyIn(this.lab, this.name, path.resolve(src), dst);
  }

  /** Copies a file or directory of the node to a local path or into an existing local directory. */
  pull(src: string, dst: string): Promise<void> {
    return copyOut(this.lab, this.name, src, path.resolve(dst));
  }
}

function pick(argv: string[], options: { cwd?: string; env?: Record<string, string> }): CommandSpec {
  const { cwd, env } = options;
  return { argv, ...(cwd === undefined ? {} : { cwd }), ...(env === undefined ? {} : { env }) };
}

/** What a message has room for; all of it is in the error's own fields. */
function endOf(text: string): string {
  const last = text.split('\n').slice(-8).join('\n');
  return last.length > MESSAGE_LIMIT ? `…${last.slice(-MESSAGE_LIMIT)}` : last;
}

function failed(node: string, argv: string[], result: ExecResult): LabError {
  const said = endOf(result.stderr || result.stdout);
  return Object.assign(
    new LabError(`${argv.join(' ')} on node ${node} exited with ${result.exitCode}: ${said}`, {
      code: 'LAB_EXIT',
    }),
    result,
  );
}
