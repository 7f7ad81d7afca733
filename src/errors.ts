import type { FailedMigration } from './migrate/types.js';

/** What every error of this package accepts beside its message. */
export interface RoamErrorOptions {
  /** One sentence: what the user can do about it. */
  remedy?: string;
  /** The error that led to this one. */
  cause?: unknown;
}

/**
 * Base of every error that this package throws on purpose. `message` says what failed and where,
 * `remedy` what to do about it, `code` is stable and meant for programs.
 */
export class RoamError extends Error {
  /** Stable, upper case, such as `ROAM_UNSUPPORTED`; for system calls the errno name, such as `EPERM`. */
  readonly code: string;
  declare readonly remedy?: string;

  constructor(code: string, message: string, options: RoamErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    if (options.remedy !== undefined) this.remedy = options.remedy;
  }

  /** Plain data for `--json`: own fields, and the chain of causes. */
  toJSON(): Record<string, unknown> {
    const { cause, ...fields } = this;
    return {
      ...fields,
      name: this.name,
      message: this.message,
      ...(this.cause === undefined ? {} : { cause: describeCause(this.cause) }),
    };
  }
}

function describeCause(cause: unknown): unknown {
  if (cause instanceof RoamError) return cause.toJSON();
  if (cause instanceof Error) return { name: cause.name, message: cause.message };
  return String(cause);
}

/** A failed system call. `code` is the errno name, `errno` its positive number. */
export class SyscallError extends RoamError {
  readonly errno: number;
  readonly syscall: string;

  constructor(
    message: string,
    fields: { code: string; errno: number; syscall: string },
    options?: RoamErrorOptions,
  ) {
    super(fields.code, message, options);
    this.errno = fields.errno;
    this.syscall = fields.syscall;
  }
}

/** A failed call into libibverbs or of the module's uverbs methods. `syscall` names the call. */
export class VerbsError extends RoamError {
  readonly errno: number;
  readonly syscall: string;

  constructor(
    message: string,
    fields: { code: string; errno: number; syscall: string },
    options?: RoamErrorOptions,
  ) {
    super(fields.code, message, options);
    this.errno = fields.errno;
    this.syscall = fields.syscall;
  }
}

/** Something that the device, its driver or this version of libibverbs cannot do. `code` is `EOPNOTSUPP`. */
export class UnsupportedError extends VerbsError {}

/** What is known about a failed CRIU request. */
export interface CriuErrorFields {
  /** Name of the request in CRIU's RPC, such as `DUMP`. */
  type: string;
  /** `criu_resp.cr_errno`, 0 when CRIU gave none. */
  crErrno?: number;
  /** `criu_resp.cr_errmsg`. */
  crErrmsg?: string;
  /** Last lines of CRIU's log. */
  logTail?: string;
  /** First error in CRIU's log, without its prefix: usually the reason, the later ones its consequences. */
  firstError?: string;
  /** The last action script that CRIU announced, such as `network-lock`: how far it came. */
  stage?: string;
  /** Where the whole log is. */
  logPath?: string;
}

/** A CRIU request that failed, or a CRIU process that could not be run or ended without an answer. */
export class CriuError extends RoamError {
  readonly type: string;
  readonly crErrno: number;
  declare readonly crErrmsg?: string;
  declare readonly logTail?: string;
  declare readonly firstError?: string;
  declare readonly stage?: string;
  declare readonly logPath?: string;

  constructor(message: string, fields: CriuErrorFields, options: RoamErrorOptions & { code?: string } = {}) {
    super(options.code ?? 'CRIU_FAILED', message, options);
    this.type = fields.type;
    this.crErrno = fields.crErrno ?? 0;
    if (fields.crErrmsg !== undefined) this.crErrmsg = fields.crErrmsg;
    if (fields.logTail !== undefined) this.logTail = fields.logTail;
    if (fields.firstError !== undefined) this.firstError = fields.firstError;
    if (fields.stage !== undefined) this.stage = fields.stage;
    if (fields.logPath !== undefined) this.logPath = fields.logPath;
  }
}

/** A migration that did not complete. After it the process runs where `message` says. */
export class MigrationError extends RoamError {
  /** Phase of the migration, such as `dump`. */
  readonly phase: string;
  /** Host on which the phase failed; absent for this one. */
  declare readonly host?: string;
  /** How far it came and what was undone. */
  declare report?: FailedMigration;

  constructor(
    phase: string,
    message: string,
    options: RoamErrorOptions & { code?: string; host?: string } = {},
  ) {
    super(options.code ?? 'MIGRATION_FAILED', message, options);
    this.phase = phase;
    if (options.host !== undefined) this.host = options.host;
  }
}

/** A lab that could not be built, booted or reached. */
export class LabError extends RoamError {
  constructor(message: string, options: RoamErrorOptions & { code?: string } = {}) {
    super(options.code ?? 'LAB_FAILED', message, options);
  }
}
