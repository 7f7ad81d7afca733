import { RoamError } from '../../errors.js';

/**
 * Name of the container that a target such as `docker:web` names; undefined: it names something else.
 *
 * @throws RoamError BAD_TARGET
 */
export function nameIn(manager: 'docker' | 'podman', target: string): string | undefined {
  if (!target.startsWith(`${manager}:`)) return undefined;
  const name = target.slice(manager.length + 1);
  if (/^[a-zA-Z0-9][\w.-]*$/.test(name)) return name;
  throw new RoamError('BAD_TARGET', `"${name}" is no name of a container`, {
    remedy: `see \`${manager} ps\``,
  });
}
