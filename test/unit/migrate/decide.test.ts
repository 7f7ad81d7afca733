import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DestinationState, decide, type SourceState } from '../../../src/migrate/decide.js';

const SOURCE_STATES: SourceState[] = ['alive', 'undone', 'held', 'busy', 'dead', 'ended', 'unknown'];
const DESTINATION_STATES: DestinationState[] = ['absent', 'partial', 'whole', 'running', 'busy', 'unknown'];

/** What is true on both hosts; each may be out of reach for who decides. */
type SourceTruth = Exclude<SourceState, 'unknown'>;
type DestinationTruth = Exclude<DestinationState, 'unknown'>;
const SOURCE_TRUTHS = SOURCE_STATES.filter((state): state is SourceTruth => state !== 'unknown');
const DESTINATION_TRUTHS = DESTINATION_STATES.filter(
  (state): state is DestinationTruth => state !== 'unknown',
);

interface World {
  source: SourceTruth;
  destination: DestinationTruth;
}

/** The copy runs only because someone let it go, which nobody does while the source may live. */
const isPossible = ({ source, destination }: World): boolean =>
  destination !== 'running' || source === 'dead';

const worlds: World[] = SOURCE_TRUTHS.flatMap((source) =>
  DESTINATION_TRUTHS.map((destination) => ({ source, destination })),
).filter(isPossible);

const lives = (source: SourceState): boolean => source === 'alive' || source === 'undone';

/** What carrying a decision out does. */
function carryOut({ source, destination }: World, action: 'finish' | 'undo' | 'wait') {
  if (action === 'finish')
    return { source, destination: destination === 'whole' ? ('running' as const) : destination };
  if (action === 'undo') return { source, destination: 'absent' as const };
  return { source, destination };
}

const views = worlds.flatMap((world) =>
  [true, false].flatMap((sourceAnswers) =>
    [true, false].map((destinationAnswers) => ({
      world,
      source: sourceAnswers ? world.source : ('unknown' as const),
      destination: destinationAnswers ? world.destination : ('unknown' as const),
    })),
  ),
);

describe('decide', () => {
  it.each(views)('$source / $destination never lets it run twice, nor end where it could live', (view) => {
    const { world, source, destination } = view;
    const { action, reason } = decide(source, destination);
    expect(reason).not.toBe('');
    const after = carryOut(world, action);
    const runsThere = after.destination === 'running';
    if (runsThere && !(world.destination === 'running')) expect(world.source).toBe('dead');
    expect(runsThere && world.source !== 'dead', 'twice').toBe(false);
    const couldLiveThere = world.destination === 'whole' || world.destination === 'running';
    if (world.source === 'dead' && couldLiveThere)
      expect(after.destination, 'the only copy').not.toBe('absent');
    // While CRIU holds it, nobody knows whether the copy will be the only one.
    if (world.source === 'held' || world.source === 'busy')
      if (couldLiveThere) expect(after.destination).not.toBe('absent');
  });

  it.each(worlds)('$source / $destination: with both hosts in sight it comes to an end', (world) => {
    const { action } = decide(world.source, world.destination);
    const open = ['held', 'busy'].includes(world.source) || world.destination === 'busy';
    expect(action === 'wait').toBe(open);
    if (!open && world.source === 'dead' && ['whole', 'running'].includes(world.destination))
      expect(action).toBe('finish');
    if (!open && (lives(world.source) || world.source === 'ended')) expect(action).toBe('undo');
  });

  it('tells who runs twice, and touches neither', () => {
    expect(decide('alive', 'running')).toMatchObject({ action: 'wait', reason: /both hosts/ });
    expect(decide('undone', 'running').action).toBe('wait');
  });

  it('believes a person only about what cannot be known', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SOURCE_STATES), fc.constantFrom(...DESTINATION_STATES), (s, d) => {
        const told = decide(s, d, { assumeSourceDead: true });
        if (s === 'unknown' && d === 'whole') return told.action === 'finish';
        return told.action === decide(s, d).action;
      }),
    );
  });

  it('says what to do whenever it waits for a person', () => {
    for (const { source, destination } of views) {
      const { action, remedy } = decide(source, destination);
      if (action === 'wait' && !(source === 'unknown' && destination === 'unknown'))
        expect(remedy, `${source} / ${destination}`).toBeTruthy();
    }
  });

  it('comes to the same end in any order of looking, deciding and answering', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...worlds),
        fc.array(fc.record({ s: fc.boolean(), d: fc.boolean() }), { maxLength: 8 }),
        (start, answers) => {
          let world: { source: SourceTruth; destination: DestinationTruth } = start;
          for (const { s, d } of [...answers, { s: true, d: true }]) {
            const { action } = decide(s ? world.source : 'unknown', d ? world.destination : 'unknown');
            // Only a destination that answers can be changed.
            if (d) world = carryOut(world, action);
          }
          const open = ['held', 'busy'].includes(start.source) || start.destination === 'busy';
          if (open) return true;
          const running = Number(lives(world.source)) + Number(world.destination === 'running');
          // What has ended by itself is not to run again.
          const couldLive =
            lives(start.source) ||
            (start.source !== 'ended' && ['whole', 'running'].includes(start.destination));
          return running === (couldLive ? 1 : 0);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
