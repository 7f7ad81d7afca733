// The public interface of the package.
export {
  Criu,
  type CriuFeatures,
  type CriuNotification,
  type CriuOptions,
  type CriuVersion,
  firstCriuError,
  type NotifyHandler,
  type RequestOptions,
  type RestartedCall,
  type SwrkOptions,
} from './criu/index.js';
export * from './errors.js';
export * from './fleet/index.js';
export * from './inspect/index.js';
export {
  type Accel,
  type ExecOptions,
  type ExecResult,
  Lab,
  type LabNode,
  type LabOptions,
  type LabStatus,
  type NodeStatus,
  type RxeModule,
} from './lab/index.js';
export {
  type CarriedFile,
  type CheckReport,
  check,
  type Decision,
  type DestinationState,
  type FailedMigration,
  type Finding,
  type HostVersions,
  type InspectOptions,
  type MigrateOptions,
  type Migration,
  type MigrationEvent,
  type MigrationReport,
  type MovedObjects,
  type MoveSubject,
  migrate,
  type PeerFacts,
  PHASES,
  type PhaseName,
  type PhaseRecord,
  type PostCopyReport,
  type PreCopyOptions,
  type PreCopyRound,
  PreflightError,
  type Reach,
  type RecoverOptions,
  type RecoverReport,
  recover,
  type Severity,
  type SourceState,
  type SupportFile,
  type UndoneStep,
} from './migrate/index.js';
export * from './perf/index.js';
export * as rdmacm from './rdmacm/index.js';
export {
  type FailedOutcome,
  type Outcome,
  type PeerSample,
  type PeerView,
  reportPage,
} from './report/index.js';
export {
  type ContextState,
  type MigrationState,
  openRxe,
  processContexts,
  type QpInfo,
  type Reservation,
  type RxeContext,
  type RxeControl,
  type RxeQuery,
  type UnsupportedObject,
} from './rxe/index.js';
export * from './verbs/index.js';
