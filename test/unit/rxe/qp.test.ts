import { describe, expect, it } from 'vitest';
import { migrationState } from '../../../src/rxe/qp.js';

describe('migrationState', () => {
  it.each([
    [[], 'running'],
    [['stopped'], 'stopped'],
    [['paused'], 'paused'],
    [['resuming'], 'resuming'],
    [['stopped', 'paused'], 'stopped'],
    [['paused', 'resuming'], 'paused'],
    [['UNKNOWN(0x8)'], 'running'],
  ])('%j is %s', (flags, state) => {
    expect(migrationState(flags)).toBe(state);
  });
});
