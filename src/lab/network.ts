import { execa } from 'execa';
import { LabError } from '../errors.js';
import { type NodeSpec, tapNames } from './qemu.js';

/**
 * Makes the lab's networks in the network namespace of the calling process: bridge `net` joins the
 * nodes' eth0, bridge `ctl` joins their control interfaces with the supervisor alone (its ports are
 * isolated from each other). They end with the namespace.
 */
export async function makeNetwork(nodes: NodeSpec[]): Promise<void> {
  const lines = ['link set lo up'];
  for (const bridge of ['net', 'ctl'])
    lines.push(
      // mcast_snooping would drop RoCE multicast until a querier appears.
      `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${bridge} up`,
    );
  lines.push('addr add 10.78.0.254/24 dev ctl');
  for (const node of nodes) {
    const taps = tapNames(node.index);
    for (const [tap, bridge] of [
      [taps.net, 'net'],
      [taps.control, 'ctl'],
    ])
      lines.push(`tuntap add dev ${tap} mode tap`, `link set ${tap} master ${bridge}`, `link set ${tap} up`);
  }
  await run('ip', ['-batch', '-'], lines.join('\n'));
  for (const node of nodes)
    await run('bridge', ['link', 'set', 'dev', tapNames(node.index).control, 'isolated', 'on']);
}

async function run(command: string, args: string[], input?: string): Promise<void> {
  await execa(command, args, { input }).catch((error) => {
    throw new LabError(`making the lab's network failed: ${error.stderr || error.shortMessage}`, {
      code: 'LAB_NETWORK',
      remedy: 'root, iproute2, /dev/net/tun and a kernel with bridge support are needed',
      cause: error,
    });
  });
}
