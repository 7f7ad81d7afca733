// The end of a demo whose migration did not come through.
import { RoamError } from '../errors.js';
import type { FailedOutcome } from '../report/types.js';

/** The migration of the demo failed. */
export class DemoMoveError extends RoamError {
  constructor(
    readonly outcome: FailedOutcome,
    exitCode: number | undefined,
  ) {
    const { code, message, remedy } = outcome.error;
    super(
      code,
      `roam migrate on node ${outcome.source} failed (exit code ${exitCode}): ${message}`,
      remedy ? { remedy } : {},
    );
  }
}
