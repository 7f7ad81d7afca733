// The report of a migration for people: on a terminal, and as a page.
export { limitOf, sharesOf } from './blackout.js';
export { reportPage } from './page.js';
export { outcomeText, phaseTable } from './text.js';
export type { FailedOutcome, Outcome, PeerSample, PeerView } from './types.js';
