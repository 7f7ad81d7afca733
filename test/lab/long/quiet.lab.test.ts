import { describe, it } from 'vitest';
import { useSweptLab } from '../support/hooks.js';
import { absentPartner } from '../support/quiet.js';

describe('a peer that posts while its partner is on no host', () => {
  useSweptLab();

  it('gets an ordinary error when it never comes', () => absentPartner());
});
