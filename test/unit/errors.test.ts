import { describe, expect, it } from 'vitest';
import {
  CriuError,
  LabError,
  MigrationError,
  RoamError,
  SyscallError,
  VerbsError,
} from '../../src/errors.js';

describe('errors', () => {
  it('are named, typed and all RoamErrors', () => {
    const fields = { code: 'EPERM', errno: 1, syscall: 'open' };
    const errors = [
      new SyscallError('a', fields),
      new VerbsError('a', fields),
      new CriuError('a', { type: 'DUMP' }),
      new MigrationError('dump', 'a'),
      new LabError('a'),
    ];
    expect(errors.map(({ name }) => name)).toEqual([
      'SyscallError',
      'VerbsError',
      'CriuError',
      'MigrationError',
      'LabError',
    ]);
    for (const error of errors) expect(error).toBeInstanceOf(RoamError);
    expect(errors.map(({ code }) => code)).toEqual([
      'EPERM',
      'EPERM',
      'CRIU_FAILED',
      'MIGRATION_FAILED',
      'LAB_FAILED',
    ]);
  });

  it('become plain data with their causes', () => {
    const cause = new SyscallError(
      'no',
      { code: 'EPERM', errno: 1, syscall: 'open' },
      { cause: new Error('deep') },
    );
    const error = new MigrationError('transfer', 'cannot send', { host: 'b', cause, remedy: 'try again' });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'MigrationError',
      code: 'MIGRATION_FAILED',
      message: 'cannot send',
      phase: 'transfer',
      host: 'b',
      remedy: 'try again',
      cause: {
        name: 'SyscallError',
        code: 'EPERM',
        message: 'no',
        errno: 1,
        syscall: 'open',
        cause: { name: 'Error', message: 'deep' },
      },
    });
  });
});
