// An image that the destination lacks: docker save here, docker load there, or Podman's commands of these names.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { RoamError } from '../../errors.js';
import { SSH_OPTIONS } from '../agent/transport.js';

/** @throws RoamError IMAGE_NOT_COPIED */
export async function copyImage(
  program: 'docker' | 'podman',
  image: string,
  host: string,
  ssh: string[],
): Promise<void> {
  const [shell = 'ssh', ...options] = ssh.length > 0 ? ssh : ['ssh'];
  const save = spawn(program, ['save', image], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const load = spawn(shell, [...options, ...SSH_OPTIONS, '--', host, program, 'load', '--quiet'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  });
  const ended = [save, load].map((child) =>
    once(child, 'close').then(
      ([code]) => code as number | null,
      () => -1,
    ),
  );
  const said = Promise.all([text(save.stderr), text(load.stderr)]).catch(() => ['', '']);
  const piped = await pipeline(save.stdout, load.stdin).then(
    () => undefined,
    (error: Error) => error.message,
  );
  if ((await Promise.all(ended)).every((code) => code === 0)) return;
  const words = (await said).map((each) => each.trim().split('\n').at(-1)).filter(Boolean);
  throw new RoamError('IMAGE_NOT_COPIED', `the image ${image}: ${words.join('; ') || piped}`, {
    remedy: `${program} save ${image} | ${shell} ${host} ${program} load`,
  });
}
