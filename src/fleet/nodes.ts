import { ask } from './hosts.js';
import type { FleetNode, FleetOptions, NodeFailure } from './types.js';

/** Beyond that many, hosts wait: each is an ssh process of this one. */
const AT_ONCE = 16;

export function failureOf(error: unknown): NodeFailure {
  const { code, remedy } = error as { code?: unknown; remedy?: unknown };
  return {
    code: typeof code === 'string' ? code : 'INTERNAL',
    message: error instanceof Error ? error.message : String(error),
    ...(typeof remedy === 'string' ? { remedy } : {}),
  };
}

/** Works on each item, so many at once, in any order of ends. */
export async function eachOf<T, R>(items: T[], atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}

/**
 * Asks hosts what they are, what they have left, and what could leave them. One that does not answer is an answer too.
 *
 * @param hosts as `roam migrate --to` takes them; this host by its name
 */
export function nodes(hosts: string[], options: FleetOptions = {}): Promise<FleetNode[]> {
  return eachOf(hosts, AT_ONCE, async (host): Promise<FleetNode> => {
    try {
      return { host, ok: true, facts: await ask(host, 'survey', {}, options) };
    } catch (error) {
      return { host, ok: false, error: failureOf(error) };
    }
  });
}
