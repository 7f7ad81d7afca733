// A process into whose memory a peer writes by RDMA, without a pause: test/workloads/pages.c.
import { node, script, workload } from './lab.js';

const OUT = '/root/pages.out';

export interface PagesVerdict {
  ok: boolean;
  pages: number;
  good: number;
  written: number;
  /** Pages of memory that no device has registered. */
  plain: number;
  plainGood: number;
  firstError: string;
}

/**
 * A process on `a` into whose memory one on `c` writes by RDMA, without a pause.
 *
 * @param rate Writes in a second.
 * @param plain Memory of which only the processor knows, in MiB.
 */
export async function startPages(rate: number, plain = 0) {
  const serve = [workload('pages'), '-s', '-m', String(plain)];
  const pid = await (await node('a')).start(serve, { log: OUT });
  await script('a', 'until grep -q listening "$1"; do sleep 0.1; done', [OUT]);
  const peer = await (await node('c')).start([workload('pages'), '-r', String(rate), 'a'], { log: OUT });
  await script('c', 'until grep -q connected "$1"; do sleep 0.1; done', [OUT]);
  return { pid, peer };
}

/** Stops the peer, which then tells what it wrote, and reads what the process makes of it. */
export async function verdictOf(peer: number, host: 'a' | 'b'): Promise<PagesVerdict> {
  await script('c', 'kill -USR1 "$1"; until grep -q writes "$2"; do sleep 0.1; done', [String(peer), OUT]);
  return JSON.parse(
    await script(host, 'until grep errorCount "$1"; do sleep 0.1; done', [OUT]),
  ) as PagesVerdict;
}
