import type { LabNode } from '../../../dist/lab/index.js';

/** By how much longer than usual anything may take: the debug kernel checks each access and each lock. */
export const PATIENCE = process.env.ROAM_LAB_DEBUG_KERNEL ? 5 : 1;

/**
 * Arguments of the checking workload, with fewer operations a second where each of them takes long: a processor that
 * does nothing else would have no time for the move.
 */
export function paced(args: readonly string[]): string[] {
  if (PATIENCE === 1) return [...args];
  const at = args.indexOf('--rate');
  if (at === -1) return [...args, '--rate', '20'];
  return args.with(at + 1, String(Math.max(1, Math.round(Number(args[at + 1]) / 10))));
}

/** The node, with more time for each command that has a limit. */
export function patient(node: LabNode): LabNode {
  if (PATIENCE === 1) return node;
  return new Proxy(node, {
    get(target, property) {
      if (property === 'exec')
        return (...[argv, options = {}]: Parameters<LabNode['exec']>) =>
          target.exec(argv, options.timeout ? { ...options, timeout: options.timeout * PATIENCE } : options);
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
