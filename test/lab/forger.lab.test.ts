import { describe, expect, it } from 'vitest';
import { attack, reconnect, setKey } from './support/forger.js';
import { useSweptLab } from './support/hooks.js';
import { goodVerdicts } from './support/verdict.js';

const KEY = '000102030405060708090a0b0c0d0e0f';

describe('a forger who sees every packet, where the hosts have a key', () => {
  useSweptLab();

  it('changes nothing', async () => {
    await setKey(['a', 'c'], KEY);
    const { test, mover, peer } = await attack([0, 0x1234]);
    expect({ mover, peer }).toEqual({
      mover: { state: 'resuming', unauthentic: 2 },
      peer: { state: 'running', dgid: '::ffff:10.77.0.1', unauthentic: 4 },
    });

    await reconnect();
    await goodVerdicts(test);
  });
});
