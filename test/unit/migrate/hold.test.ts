import { describe, expect, it } from 'vitest';
import { holdTime } from '../../../src/migrate/hold.js';

describe('holdTime', () => {
  it.each([
    [undefined, 60_000],
    [0, 0],
    [1500.4, 1500],
    [86_400_000, 86_400_000],
  ])('%s is %i ms', (given, ms) => {
    expect(holdTime(given)).toBe(ms);
  });

  it.each([-1, 86_400_001, Number.NaN, Number.POSITIVE_INFINITY])('%s is refused', (given) => {
    expect(() => holdTime(given)).toThrow(/cannot be told to wait/);
  });
});
