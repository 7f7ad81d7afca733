import { RoamError, type RoamErrorOptions } from '../errors.js';
import type { QpState, QpType } from './enums.js';
import type { QpAttributes } from './qp-attributes.js';

type Attribute = Exclude<keyof QpAttributes, 'state'>;

interface Rule {
  required: readonly Attribute[];
  optional: readonly Attribute[];
}

/** The class of a QP by what its transitions need. */
type Family = 'RC' | 'UC' | 'UD';

const FAMILY: Record<QpType, Family> = {
  RC: 'RC',
  XRC_SEND: 'RC',
  XRC_RECV: 'RC',
  UC: 'UC',
  UD: 'UD',
  RAW_PACKET: 'UD',
};

const path = ['address', 'pathMtu', 'destQpn', 'rqPsn'] as const;

/** IBTA specification volume 1, section 11.2.5.2, table of QP state transitions. */
const RULES: Record<Family, Partial<Record<`${QpState}>${QpState}`, Rule>>> = {
  RC: {
    'RESET>INIT': { required: ['pkeyIndex', 'port', 'access'], optional: [] },
    'INIT>INIT': { required: [], optional: ['pkeyIndex', 'port', 'access'] },
    'INIT>RTR': {
      required: [...path, 'maxDestRdAtomic', 'minRnrTimer'],
      optional: ['access', 'pkeyIndex'],
    },
    'RTR>RTS': {
      required: ['sqPsn', 'timeout', 'retryCount', 'rnrRetry', 'maxRdAtomic'],
      optional: ['currentState', 'access', 'minRnrTimer', 'pathMigState'],
    },
    'RTS>RTS': { required: [], optional: ['currentState', 'access', 'minRnrTimer', 'pathMigState'] },
    'RTS>SQD': { required: [], optional: ['notifySqDrained'] },
    'SQD>RTS': { required: [], optional: ['currentState', 'access', 'minRnrTimer', 'pathMigState'] },
    'SQD>SQD': {
      required: [],
      optional: [
        'port',
        'address',
        'timeout',
        'retryCount',
        'rnrRetry',
        'maxRdAtomic',
        'maxDestRdAtomic',
        'currentState',
        'access',
        'pkeyIndex',
        'minRnrTimer',
        'pathMigState',
      ],
    },
  },
  UC: {
    'RESET>INIT': { required: ['pkeyIndex', 'port', 'access'], optional: [] },
    'INIT>INIT': { required: [], optional: ['pkeyIndex', 'port', 'access'] },
    'INIT>RTR': { required: path, optional: ['access', 'pkeyIndex'] },
    'RTR>RTS': { required: ['sqPsn'], optional: ['currentState', 'access', 'pathMigState'] },
    'RTS>RTS': { required: [], optional: ['currentState', 'access', 'pathMigState'] },
    'RTS>SQD': { required: [], optional: ['notifySqDrained'] },
    'SQD>RTS': { required: [], optional: ['currentState', 'access', 'pathMigState'] },
    'SQD>SQD': { required: [], optional: ['address', 'currentState', 'access', 'pkeyIndex', 'pathMigState'] },
    'SQE>RTS': { required: [], optional: ['currentState', 'access'] },
  },
  UD: {
    'RESET>INIT': { required: ['pkeyIndex', 'port', 'qkey'], optional: [] },
    'INIT>INIT': { required: [], optional: ['pkeyIndex', 'port', 'qkey'] },
    'INIT>RTR': { required: [], optional: ['pkeyIndex', 'qkey'] },
    'RTR>RTS': { required: ['sqPsn'], optional: ['currentState', 'qkey'] },
    'RTS>RTS': { required: [], optional: ['currentState', 'qkey'] },
    'RTS>SQD': { required: [], optional: ['notifySqDrained'] },
    'SQD>RTS': { required: [], optional: ['currentState', 'qkey'] },
    'SQD>SQD': { required: [], optional: ['pkeyIndex', 'qkey'] },
    'SQE>RTS': { required: [], optional: ['currentState', 'qkey'] },
  },
};

/** What is wrong with a change of a QP's state. */
export interface TransitionFault {
  current: QpState;
  next: QpState;
  /** Attributes that the transition does not take. */
  invalid: Attribute[];
  /** Attributes that it needs and were not given. */
  needed: Attribute[];
  /** Whether there is such a transition at all. */
  exists: boolean;
}

/** Judges attributes against the table. Every state leads to RESET and to ERR. */
export function judgeTransition(
  type: QpType,
  current: QpState,
  next: QpState,
  given: readonly (keyof QpAttributes)[],
): TransitionFault {
  const rule =
    next === 'RESET' || next === 'ERR'
      ? { required: [], optional: [] }
      : RULES[FAMILY[type]][`${current}>${next}`];
  const attributes = given.filter((name): name is Attribute => name !== 'state');
  return {
    current,
    next,
    exists: rule !== undefined,
    invalid:
      rule === undefined
        ? []
        : attributes.filter((name) => !rule.required.includes(name) && !rule.optional.includes(name)),
    needed: rule === undefined ? [] : rule.required.filter((name) => !attributes.includes(name)),
  };
}

/** A change of a QP's state that ibv_modify_qp(3) refused. */
export class QpTransitionError extends RoamError {
  readonly current: QpState;
  readonly next: QpState;
  readonly invalid: readonly string[];
  readonly needed: readonly string[];

  constructor(what: string, fault: TransitionFault, options?: RoamErrorOptions) {
    const { current, next, invalid, needed, exists } = fault;
    const reasons = [
      ...(exists ? [] : ['there is no such transition']),
      ...(needed.length > 0 ? [`it needs ${needed.join(', ')}`] : []),
      ...(invalid.length > 0 ? [`it does not take ${invalid.join(', ')}`] : []),
    ];
    if (reasons.length === 0) reasons.push('the device refused a value');
    super('QP_TRANSITION', `${what} cannot go from ${current} to ${next}: ${reasons.join('; ')}`, options);
    this.current = current;
    this.next = next;
    this.invalid = invalid;
    this.needed = needed;
  }
}
