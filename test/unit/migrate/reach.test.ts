import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { reach } from '../../../src/migrate/agent/reach.js';
import { canBeAsked } from '../../../src/migrate/peers.js';

const PEER = '10.77.0.3';

describe('a probe', () => {
  const closed = async (): Promise<number> => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    return port;
  };

  it('knows who takes RoCE, who only answers, and who is silent', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    const ports = { rocePort: port, closedPort: await closed(), timeoutMs: 300 };
    expect(await reach(['127.0.0.1'], ports)).toEqual(['answers']);
    expect(await reach(['127.0.0.1'], { ...ports, rocePort: ports.closedPort })).toEqual(['no-roce']);
    expect(await reach(['127.0.0.1'], { ...ports, closedPort: port })).toEqual(['silent']);
    expect(await reach(['255.255.255.255'], ports), 'connect(2) fails').toEqual(['silent']);
    expect(await reach([], ports)).toEqual([]);
    socket.close();
  });

  it('is not sent where an address says too little', () => {
    expect(['fe80::1', 'FEBF::1', '127.0.0.1', '::1', PEER, 'fd00::1', 'fec0::1'].filter(canBeAsked)).toEqual(
      [PEER, 'fd00::1', 'fec0::1'],
    );
  });
});
