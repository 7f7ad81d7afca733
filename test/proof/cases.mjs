// What scripts/prove.mjs runs: macros are those of test/proof/*.pml, docs/proof.md explains the cases.
//
// model   no property may fail
// mutant  one line of the protocol is broken: the named property must fail
// limit   what the protocol does not hold, as docs/proof.md says: the named property must fail
//
// full: not in --quick.

/** The properties, by the name of the bit that test/proof/*.pml asserts. */
export const properties = [
  'lost',
  'duplicated',
  'stuck',
  'hijacked',
  'impatient',
  'alien',
  'deceived',
  'disturbed',
];

const ONE = { MSGS0: 1, MSGS1: 0, MOVES0: 0, MOVES1: 1 };
const BOTH = { ...ONE, MOVES0: 1 };
const BOTH_SEND = { ...BOTH, MSGS1: 1 };
const CHANGED = { FLOAT0: 0, FLOAT1: 0 };
const TWICE = { ...ONE, MOVES1: 2 };
const CHAIN = { ...TWICE, FLOAT1: 0 };
const FORGER = { ...ONE, FLOAT1: 0, FORGE: 1 };
const SEES = { ...FORGER, FORGER_SEES: 1 };

const UNKNOWN = { GREETINGS: 1, RESERVE: 1, MSGS0: 1, MSGS1: 0, NET: 3 };
const LATE = { ...UNKNOWN, MOVES0: 0, LOSS: 3, DUP: 0, EARLY: 0 };
const ELSEWHERE = { ...UNKNOWN, MOVES0: 0, FLOAT1: 0, DUP: 0 };
const STOCK = { ...UNKNOWN, STOCK0: 1, MOVES0: 0 };
const STOCK_LOSS = { ...STOCK, MSGS0: 2, DUP: 0, EARLY: 0 };
const STOCK_FORGER = { ...STOCK, LOSS: 0, FORGE: 1 };
/** As many losses as there are greetings after RESUME. */
const ALL_LOST = { ...LATE, LOSS: 2, ALL: 2 };

const full = { full: true };
const model = (name, macros, more = {}) => ({ kind: 'model', name, macros, ...more });
const mutant = (macro, fails, macros, where = '') => ({
  kind: 'mutant',
  name: macro + where,
  fails,
  macros: { ...macros, [macro]: 1 },
});
const limit = (name, fails, macros) => ({ kind: 'limit', name, fails, macros });

export const cases = [
  model('both move and send, 3 under way', { ...BOTH_SEND, NET: 3 }, full),
  model('a forger who sees nothing, chain of 2', { ...FORGER, MOVES1: 2, EARLY: 0, NET: 3 }, full),
  model(
    '3 messages and 1 back, address changes',
    { ...ONE, MSGS0: 3, MSGS1: 1, FLOAT1: 0, NET: 3, DUP: 0 },
    full,
  ),
  model('chain of 2, the receiver moves', CHAIN, full),
  model('chain of 3, the sender moves', { ...CHAIN, MSGS0: 0, MSGS1: 1, MOVES1: 3, NET: 3 }, full),
  model('chain of 2 and 1, one address changes', { ...CHAIN, MOVES0: 1, DUP: 0, NET: 3 }, full),
  model(
    'quiet ends, chains of 2, one address changes',
    { ...BOTH, MSGS0: 0, MOVES0: 2, MOVES1: 2, FLOAT0: 0, NET: 3 },
    full,
  ),
  model('both addresses change, 2 and 1 moves', { ...BOTH, ...CHANGED, MOVES0: 2, DUP: 0, NET: 3 }, full),
  model('both addresses change', { ...BOTH, ...CHANGED }, full),
  model('with a key, a forger who sees, chain of 2', { ...SEES, KEY: 1, MOVES1: 2, EARLY: 0, NET: 3 }, full),
  model('both move, the address of the sender changes', { ...BOTH, FLOAT0: 0 }, full),
  model('both move, the address of the receiver changes', { ...BOTH, FLOAT1: 0 }, full),
  model('both move and send, repeats', { ...BOTH_SEND, LOSS: 0, EARLY: 0 }, full),
  model('both move and send, early timers', { ...BOTH_SEND, LOSS: 0, DUP: 0 }, full),
  model('a forger who sees nothing, repeats', FORGER, full),
  model('3 losses, 2 repeats', { ...ONE, FLOAT1: 0, LOSS: 3, DUP: 2 }, full),
  model('both move, floating addresses', BOTH),
  model('both move and send, loss', { ...BOTH_SEND, DUP: 0, EARLY: 0 }),
  model('both move and send, one address changes', { ...BOTH_SEND, FLOAT0: 0, DUP: 0, EARLY: 0 }),
  model('both addresses change, loss', { ...BOTH, ...CHANGED, DUP: 0 }),
  model('chain of 2, the receiver moves, loss', { ...CHAIN, DUP: 0 }),
  model('quiet ends, both move', { ...BOTH, MSGS0: 0, LOSS: 3, DUP: 2, EARLY: 2 }),
  model('NAKs of two stops overtake each other', { ...TWICE, LOSS: 0 }),
  model('a forger who sees nothing', { ...FORGER, DUP: 0 }),
  model('with a key, a forger who sees', { ...SEES, KEY: 1, EARLY: 0 }),

  model('unknown peers, both move and send', { ...UNKNOWN, MSGS1: 1, DUP: 0, EARLY: 0 }, full),
  model('a stock peer, chain of 2', { ...STOCK, MSGS0: 2, MOVES1: 2 }, full),
  model('unknown peers, chain of 2, address changes', { ...ELSEWHERE, MOVES1: 2 }, full),
  model('unknown peers, the receiver moves', { ...UNKNOWN, MOVES0: 0, RESERVE: 0 }, full),
  model(
    'unknown peers, a forger who sees nothing',
    { ...ELSEWHERE, EARLY: 0, FORGE: 1, FORGES_GREETINGS: 1 },
    full,
  ),
  model('unknown peers, both addresses change', { ...UNKNOWN, ...CHANGED, DUP: 0, EARLY: 0 }, full),
  model('unknown peers, one address changes', { ...UNKNOWN, FLOAT0: 0, DUP: 0, EARLY: 0 }, full),
  model('unknown peers, chain of 2, 2 losses', { ...LATE, MOVES1: 2, LOSS: 2 }),
  model('unknown peers, both move', { ...UNKNOWN, DUP: 0, EARLY: 0 }),
  model('unknown peers, 3 losses', LATE),
  model('all greetings are lost, known later', { ...ALL_LOST, ONLY_KNOWN: 1 }),
  model('known peers, all greetings are lost', { ...ALL_LOST, GREETINGS: 0 }),
  model('a stock peer, both send', { ...STOCK, MSGS1: 1 }),
  model('a stock peer, a forger who sees nothing', STOCK_FORGER),
  model('a stock peer, with a key, a forger who sees', {
    ...STOCK_FORGER,
    KEY: 1,
    FORGER_SEES: 1,
    FORGES_GREETINGS: 1,
  }),

  mutant('MUT_STALE_RESUME', 'stuck', CHAIN),
  mutant('MUT_STALE_NAK', 'stuck', ONE),
  mutant('MUT_STOPPED_TAKES_RESUME', 'stuck', { ...BOTH, FLOAT0: 0 }),
  mutant('MUT_STOPPED_ANSWERS', 'lost', ONE),
  mutant('MUT_NO_GO_BACK', 'stuck', ONE),
  mutant('MUT_RESUME_ONCE', 'stuck', ONE),
  mutant('MUT_ANSWER_ONCE', 'stuck', ONE),
  mutant('MUT_ANY_RESUMED', 'stuck', CHAIN),
  mutant('MUT_ADDRESS_STAYS', 'stuck', CHAIN),
  mutant('MUT_NO_PAUSE', 'impatient', ONE),
  mutant('MUT_UNPAUSE_ANY', 'impatient', TWICE),
  mutant('MUT_NAK_ORDER', 'impatient', TWICE),
  mutant('MUT_NAK_NOT_DUMPED', 'impatient', { ...TWICE, MOVES0: 1, LOSS: 0, DUP: 0 }),
  mutant('MUT_PAUSE_NOT_DUMPED', 'impatient', { ...BOTH, DUP: 0 }),
  mutant('MUT_PEER_EPOCH_NOT_DUMPED', 'stuck', { ...BOTH, DUP: 0 }),
  mutant('MUT_COMP_PSN_NOT_DUMPED', 'stuck', { ...BOTH, MOVES1: 0 }),
  mutant('MUT_RESP_PSN_NOT_DUMPED', 'duplicated', ONE),
  mutant('MUT_REPEATS_ACCEPTED', 'duplicated', ONE),
  mutant('MUT_NO_PSN_CHECK', 'hijacked', FORGER),
  mutant('MUT_NAK_ANY_PSN', 'stuck', FORGER),
  mutant('MUT_RESUMED_UNCHECKED', 'stuck', { ...FORGER, DUP: 0 }),
  mutant('MUT_NO_FORWARD', 'stuck', { ...BOTH, ...CHANGED, LOSS: 0, DUP: 0, EARLY: 0 }),
  mutant('MUT_NO_TAG_CHECK', 'hijacked', { ...SEES, KEY: 1 }),
  mutant('MUT_RESUME_TO_ALL', 'alien', STOCK),
  mutant('MUT_NEVER_WITHOUT', 'stuck', { ...STOCK, MSGS0: 0, MSGS1: 1 }),
  mutant('MUT_NAK_PSN', 'lost', STOCK_LOSS),
  mutant('MUT_RESERVED_PSN', 'lost', STOCK_LOSS),
  mutant('MUT_GREETING_PSN', 'disturbed', STOCK),
  mutant('MUT_ANY_NONCE', 'deceived', STOCK_FORGER),
  mutant(
    'MUT_NO_TAG_CHECK',
    'deceived',
    { ...STOCK_FORGER, KEY: 1, FORGER_SEES: 1, FORGES_NO_RESUME: 1 },
    ', a stock peer',
  ),
  mutant('MUT_NEVER_LATE', 'stuck', LATE),
  mutant('MUT_SILENCE_SETTLES', 'stuck', { ...ALL_LOST, ONLY_KNOWN: 1 }),
  mutant('MUT_NO_MORE_GREETINGS', 'stuck', LATE),
  mutant('MUT_AWARE_NOT_DUMPED', 'stuck', { ...ALL_LOST, GREETINGS: 0 }),
  mutant('MUT_ASKED_ELSEWHERE', 'stuck', ELSEWHERE),

  limit('a forger who sees PSNs, no key', 'hijacked', SEES),
  limit('a stock peer, a forger who sees, no key', 'deceived', {
    ...STOCK_FORGER,
    FORGER_SEES: 1,
    FORGES_NO_RESUME: 1,
  }),
  limit('a stock peer, a forged greeting, no key', 'alien', { ...STOCK_FORGER, FORGES_GREETINGS: 1 }),
  limit('a stock peer, the address changes', 'alien', { ...STOCK, FLOAT1: 0 }),
  limit('all greetings are lost', 'stuck', ALL_LOST),
];
