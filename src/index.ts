// The public interface of the package.
export { Criu, type CriuOptions, firstCriuError } from './criu/index.js';
export * from './errors.js';
export { Lab, type LabOptions } from './lab/index.js';
export {
  type CarriedFile,
  type Finding,
  type HostVersions,
  type MigrateOptions,
  type MigrationEvent,
  type MigrationReport,
  type MovedObjects,
  migrate,
  PHASES,
  type PhaseName,
  type PhaseRecord,
  PreflightError,
} from './migrate/index.js';
export * from './perf/index.js';
export { openRxe, processContexts } from './rxe/index.js';
export * from './verbs/index.js';
