// What lies in a network namespace of a container's own, put into one of this machine's that was just made.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { runIn } from '../../src/migrate/netns/enter.js';
import { linksIn } from '../../src/migrate/netns/facts.js';
import { fillNetwork } from '../../src/migrate/netns/own.js';

let child: ChildProcess;
afterEach(() => child.kill('SIGKILL'));

async function empty(): Promise<number> {
  child = spawn('unshare', ['--net', 'sh', '-c', 'echo made; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  return child.pid as number;
}

it('has lo with its addresses, and the parameters of the configuration', async () => {
  const pid = await empty();
  const netns = `/proc/${pid}/ns/net`;
  expect(await linksIn(netns)).toMatchObject([{ name: 'lo', up: false, addresses: [] }]);
  const addresses = ['127.0.0.1/8', '10.9.9.9/32', '::1/128'];
  const sysctl = { 'net.ipv4.ip_unprivileged_port_start': '81' };
  await fillNetwork(pid, { up: true, addresses, sysctl });
  const [lo] = await linksIn(netns);
  expect(lo).toMatchObject({ name: 'lo', up: true });
  expect(lo?.addresses.toSorted()).toEqual(addresses.toSorted());
  expect(await runIn(netns, ['cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start'])).toMatch(/^81\b/);
});

it('stays down where it was', async () => {
  const pid = await empty();
  await fillNetwork(pid, { up: false, addresses: ['10.9.9.9/32'], sysctl: {} });
  const found = await linksIn(`/proc/${pid}/ns/net`);
  expect(found).toMatchObject([{ name: 'lo', up: false, addresses: ['10.9.9.9/32'] }]);
});

it('fails for a parameter that is not there', async () => {
  const pid = await empty();
  const filled = fillNetwork(pid, { up: true, addresses: [], sysctl: { 'net.no.such': '1' } });
  await expect(filled).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
});
