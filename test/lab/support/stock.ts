// Node c as the host of peers that know nothing of migration: Debian's own rdma_rxe.
import { afterAll, beforeAll, expect } from 'vitest';
import { script } from './lab.js';

const LOAD = 'sh /usr/lib/roam/guest/load-rxe';

/** For all tests of a group. After `useSweptLab`, whose sweep ends what would keep the module in place. */
export function useStockPeer(): void {
  beforeAll(async () => {
    await script('c', `${LOAD} stock`);
    expect(await isStock()).toBe(true);
  });
  afterAll(() =>
    script(
      'c',
      `for pid in $(pidof verdict ib_send_bw ib_write_bw ib_read_bw ib_atomic_bw); do kill -9 $pid; done
      for try in 1 2 3 4 5; do ${LOAD} roam && exit; sleep 1; done; exit 1`,
    ),
  );
}

export const REFUSING_CRIU = '/root/refusing-criu';

/** A criu that does not restore what the engine moves. */
export async function installRefusingCriu(): Promise<void> {
  const program = '#!/bin/sh\n[ "$ROAM_DEFER_RESUME" = 1 ] && exit 1\nexec criu "$@"';
  for (const name of ['a', 'b'] as const)
    await script(name, `printf '%s\\n' "$1" >${REFUSING_CRIU}; chmod 755 ${REFUSING_CRIU}`, [program]);
}

/** The module's own sysctls are not there. */
export async function isStock(): Promise<boolean> {
  return (
    (
      await script('c', '[ -d /sys/module/rdma_rxe ] && [ ! -d /proc/sys/net/rdma_rxe ] && echo stock; true')
    ).trim() === 'stock'
  );
}

/** A counter of node c's stock rxe0. */
export async function counter(name: 'rcvd_rnr_err' | 'retry_rnr_exceeded_err'): Promise<number> {
  return Number(await script('c', 'cat "/sys/class/infiniband/rxe0/ports/1/hw_counters/$1"', [name]));
}
