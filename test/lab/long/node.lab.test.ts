import { afterAll, describe, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { inAllNodes } from '../support/lab.js';
import { serviceMoves } from '../support/service.js';

describe('a Node program over RDMA', () => {
  useSweptLab();
  afterAll(() => inAllNodes('echo 0 >/proc/sys/kernel/io_uring_disabled'));

  it(
    "moves at the second attempt while it serves, to the destination's address",
    {
      timeout: 500_000,
    },
    () => serviceMoves('changed', { afterFailure: true }),
  );
});
