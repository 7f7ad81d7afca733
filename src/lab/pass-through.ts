import { constants } from 'node:os';
import { type CommandSpec, RemoteCommand } from './exec.js';

/**
 * Runs a command in a node with this process's standard streams and signals.
 *
 * @returns the exit code, 128 + N after signal N.
 */
export async function passThrough(lab: string, node: string, spec: CommandSpec): Promise<number> {
  const forward = (stream: NodeJS.WriteStream) => (chunk: Buffer) => {
    if (stream.write(chunk)) return;
    command.flow.pause();
    stream.once('drain', () => command.flow.resume());
  };
  const command = await RemoteCommand.start(lab, node, spec, {
    stdout: forward(process.stdout),
    stderr: forward(process.stderr),
  });
  const onSignal = (name: NodeJS.Signals) => command.signal(constants.signals[name]);
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
  for (const name of signals) process.on(name, onSignal);
  // A reader that went away (a closed pipe) ends the command, as SIGPIPE would here.
  process.stdout.on('error', () => command.abort());
  void feedInput(command);
  try {
    const end = await command.end;
    return 'signal' in end ? 128 + end.signal : end.exitCode;
  } finally {
    for (const name of signals) process.off(name, onSignal);
    process.stdin.destroy();
  }
}

async function feedInput(command: RemoteCommand): Promise<void> {
  try {
    for await (const chunk of process.stdin) await command.write(chunk as Buffer);
  } catch {
    // Destroyed when the command ended before its input.
  }
  command.closeInput();
}
