import { expect, it } from 'vitest';
import type { QpRow } from '../../../src/cli/qps.js';
import { changes } from '../../../src/cli/qps-watch.js';

const row = (qpn: number, state: string, migrationState = 'running') =>
  ({ device: 'rxe0', qpn, state, migrationState }) as QpRow;

it('tells QPs that come, change and go, and no others', () => {
  const before = [row(17, 'RTS'), row(18, 'RTS'), row(19, 'INIT')];
  const after = [row(17, 'RTS', 'stopped'), row(18, 'RTS'), row(20, 'RESET')];
  expect(changes(before, after, 'now').map(({ qpn, from, to }) => [qpn, from, to])).toEqual([
    [17, 'RTS running', 'RTS stopped'],
    [20, 'new', 'RESET running'],
    [19, 'INIT running', 'gone'],
  ]);
  expect(changes(after, after, 'now')).toEqual([]);
});
