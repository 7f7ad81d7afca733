// Who owns a process whose migration was broken off.

/**
 * The process at the source. `held`: CRIU has it, what becomes of it is open. `busy`: an engine is at work.
 * `undone`: it was let go on there, for good, whatever became of it since. `dead`: CRIU was told to end it, or its host
 * has gone down. `ended`: it ended there, and CRIU was not told to end it. `unknown`: its host does not answer.
 */
export type SourceState = 'alive' | 'undone' | 'held' | 'busy' | 'dead' | 'ended' | 'unknown';

/**
 * The copy at the destination. `partial`: restored in part, it could not run. `whole`: it could, and is stopped.
 * `busy`: an agent is at work.
 */
export type DestinationState = 'absent' | 'partial' | 'whole' | 'running' | 'busy' | 'unknown';

export interface Decision {
  /** `finish`: it runs at the destination. `undo`: nothing of it stays there. `wait`: neither is safe yet. */
  action: 'finish' | 'undo' | 'wait';
  reason: string;
  remedy?: string;
}

const wait = (reason: string, remedy?: string): Decision => ({
  action: 'wait',
  reason,
  ...(remedy ? { remedy } : {}),
});

/**
 * The one rule: as long as the process lives at the source it belongs there; its end there is the commit.
 *
 * So a copy is let go only when the source is known to be dead, and killed only when the source lives or the copy
 * could not. `assumeSourceDead` is a person's word for what cannot be known.
 */
export function decide(
  source: SourceState,
  destination: DestinationState,
  { assumeSourceDead = false } = {},
): Decision {
  if (source === 'busy' || destination === 'busy') {
    const where = source === 'busy' ? 'source' : 'destination';
    return wait(`a migration is at work at the ${where}`, 'wait for its end, or end that process');
  }
  switch (source) {
    case 'held':
      return wait('CRIU still holds the process at the source', 'try again when CRIU has ended there');
    case 'alive':
    case 'undone':
      if (destination === 'running')
        return wait('the process runs on both hosts', 'kill one of the two, then run this again');
      return { action: 'undo', reason: 'the process lives at the source' };
    case 'ended':
      if (destination === 'running') return { action: 'finish', reason: 'the copy was let go already' };
      return { action: 'undo', reason: 'the process ran on at the source, and has ended by itself' };
    case 'dead':
      if (destination === 'whole' || destination === 'running')
        return { action: 'finish', reason: 'the source has ended, the copy is whole' };
      if (destination === 'unknown')
        return wait(
          'the source has ended, and the destination does not answer',
          'make ssh to it, or its listener, work',
        );
      return {
        action: 'undo',
        reason: `the source has ended, and there is ${destination === 'absent' ? 'no copy' : 'no copy that could run'}`,
      };
    case 'unknown':
      break;
  }
  switch (destination) {
    case 'running':
      return { action: 'finish', reason: 'the copy was let go already' };
    case 'whole':
      if (assumeSourceDead) return { action: 'finish', reason: 'the source is dead, as you say' };
      return wait(
        'the copy is whole, and the source does not answer: the process may live there',
        'make ssh to the source, or its listener, work; or be sure that the process cannot run there any more, then use --assume-source-dead',
      );
    case 'unknown':
      return wait('neither host answers');
    default:
      return { action: 'undo', reason: 'there is no copy that could run' };
  }
}
