import type { NativeQp } from '../verbs/addon.js';
import type { MigrationState, QpInfo } from './types.js';

/** By weight: a stopped QP is silent whatever else holds, a paused one sends nothing but its Resume. */
const byWeight = ['stopped', 'paused', 'resuming'] as const satisfies readonly MigrationState[];

/** The one word for a set of flags. */
export function migrationState(flags: readonly string[]): MigrationState {
  return byWeight.find((state) => flags.includes(state)) ?? 'running';
}

export function qpInfo(native: NativeQp): QpInfo {
  return { ...native, migrationState: migrationState(native.migrationFlags) };
}
