import { describe, expect, it } from 'vitest';
import { connectAttributes, type Endpoint, initAttributes } from '../../../src/verbs/connection.js';
import type { QpState, QpType } from '../../../src/verbs/enums.js';
import { judgeTransition, QpTransitionError } from '../../../src/verbs/qp-transitions.js';

const endpoint: Endpoint = { qpn: 17, psn: 1, gid: '::ffff:10.0.0.1', lid: 0, mtu: 1024 };

describe('judgeTransition', () => {
  it('tells what is missing and what is too much', () => {
    const fault = judgeTransition('RC', 'RESET', 'INIT', ['state', 'port', 'qkey']);
    expect(fault).toMatchObject({ exists: true, needed: ['pkeyIndex', 'access'], invalid: ['qkey'] });
    expect(new QpTransitionError('QP 17', fault).message).toBe(
      'QP 17 cannot go from RESET to INIT: it needs pkeyIndex, access; it does not take qkey',
    );
  });

  it('knows that there is no way from RESET to RTS, and one from everywhere to ERR and RESET', () => {
    expect(judgeTransition('RC', 'RESET', 'RTS', ['state']).exists).toBe(false);
    const states: QpState[] = ['RESET', 'INIT', 'RTR', 'RTS', 'SQD', 'SQE', 'ERR'];
    for (const type of ['RC', 'UC', 'UD'] as QpType[])
      for (const state of states)
        for (const next of ['ERR', 'RESET'] as const)
          expect(judgeTransition(type, state, next, ['state'])).toMatchObject({
            exists: true,
            needed: [],
            invalid: [],
          });
  });

  it.each(['RC', 'UC'] as const)('finds nothing wrong with how a %s QP is connected', (type) => {
    const steps = [initAttributes({}), ...connectAttributes(type, endpoint, endpoint, { gidIndex: 1 })];
    let current: QpState = 'RESET';
    for (const attributes of steps) {
      const next = attributes.state as QpState;
      const given = Object.keys(attributes) as (keyof typeof attributes)[];
      expect(judgeTransition(type, current, next, given)).toMatchObject({
        exists: true,
        needed: [],
        invalid: [],
      });
      current = next;
    }
    expect(current).toBe('RTS');
  });
});
