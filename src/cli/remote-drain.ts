// A drain of another host: the same command there, by ssh.
import { spawn } from 'node:child_process';
import type { Command, Option } from 'commander';
import { RoamError } from '../errors.js';
import { remoteCommand, SSH_OPTIONS } from '../migrate/agent/transport.js';
import { isTls } from '../migrate/tls/address.js';

/**
 * The arguments of a command without its first operand.
 *
 * @param options that the command knows: what follows one that takes a value is no operand
 */
export function withoutOperand(args: string[], options: readonly Option[]): string[] {
  const takesValue = (word: string) =>
    options.some((option) => (option.long === word || option.short === word) && option.required);
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (takesValue(word)) i++;
    else if (!word.startsWith('-')) return [...args.slice(0, i), ...args.slice(i + 1)];
  }
  return args;
}

/** Runs it there, with its output here. The end of its input tells it to stop. @returns its exit code */
export function passOn(
  host: string,
  command: Command,
  { ssh, remoteRoam }: { ssh: string[]; remoteRoam: string[] },
  signal: AbortSignal,
): Promise<number> {
  if (isTls(host))
    throw new RoamError('TLS_OPTIONS', `${host} takes migrations, and no commands`, {
      remedy: 'run roam drain on that host, or name it as ssh does',
    });
  const args = process.argv.slice(process.argv.indexOf(command.name()) + 1);
  const [file = 'ssh', ...options] = ssh;
  const words = [...remoteRoam, command.name(), ...withoutOperand(args, command.options), '--until-eof'];
  // Apart from the terminal's signals: the drain there is to roll back before ssh goes.
  const child = spawn(file, [...options, ...SSH_OPTIONS, '--', host, remoteCommand(words)], {
    detached: true,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.on('error', () => {});
  const stop = () => child.stdin.end();
  signal.addEventListener('abort', stop, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(new RoamError('SSH_FAILED', `${file} cannot be run: ${error.message}`)),
    );
    child.once('exit', (code) => {
      signal.removeEventListener('abort', stop);
      if (code === 255)
        reject(
          new RoamError('SSH_FAILED', `ssh to ${host} failed`, {
            remedy: `make \`ssh ${host} true\` work as root without a prompt`,
          }),
        );
      else if (code === 127)
        reject(
          new RoamError('AGENT_MISSING', `there is no roam command on ${host}`, {
            remedy: `install roam-rdma on ${host}, or name the command with --remote-roam`,
          }),
        );
      else resolve(code ?? 1);
    });
  });
}
