import { describe, expect, it } from 'vitest';
import { GapFinder } from '../../../src/demo/sampler.js';
import { completedIterations } from '../../../src/demo/workload.js';

const at = (msn: number, compPsn = 0) => new Map([[17, { msn, compPsn }]]);

describe('GapFinder', () => {
  it('finds the longest time without a completion and tells how exact it is', () => {
    const finder = new GapFinder();
    finder.add(0, at(0));
    finder.add(10, at(1));
    finder.add(20, at(2));
    finder.add(30, at(2));
    finder.add(430, at(2));
    finder.add(445, at(3));
    finder.add(455, at(4));
    expect(finder.gaps[0]).toEqual({ from: 20, to: 445, ms: 425, resolutionMs: 15 });
    expect(finder.received).toBe(4);
  });

  it('counts acknowledged sends as completions, and numbers that wrap around', () => {
    const finder = new GapFinder();
    finder.add(0, at(0xfffffe, 5));
    finder.add(10, at(0xfffffe, 6));
    finder.add(20, at(1, 6));
    expect(finder.gaps).toEqual([{ from: 10, to: 20, ms: 10, resolutionMs: 10 }]);
    expect(finder.received).toBe(3);
  });

  it('takes no QP that appears or goes for progress', () => {
    const finder = new GapFinder();
    finder.add(0, at(5));
    finder.add(10, new Map());
    finder.add(20, at(5));
    expect(finder.gaps).toEqual([]);
    expect(finder.received).toBe(0);
  });
});

describe('completedIterations', () => {
  it('reads the line of results of the given size only', () => {
    const output =
      ' #bytes     #iterations    BW peak[MiB/sec]\n 65536      4000             4.09      1.80   \t\t     0.000029\n';
    expect(completedIterations(output, 65536)).toBe(4000);
    expect(completedIterations(' 65536      4000             inf      inf   \t\t     inf\n', 65536)).toBe(
      4000,
    );
    expect(completedIterations(output, 1024)).toBe(0);
    expect(completedIterations('Waiting for client to connect', 65536)).toBe(0);
  });
});
