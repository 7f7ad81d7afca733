/**
 * Main program of a lab's supervisor: process 1 of a pid namespace and owner of a network namespace,
 * so that when it ends, for whatever reason, every QEMU, tap and bridge of the lab ends too.
 *
 * Arguments: run directory. Standard input is the lifeline of the process that started it: the lab
 * goes down when it closes, unless the request `detach` came before.
 */
import { readFile, readlink, rm } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { makeNetwork } from './network.js';
import { NodeProcess } from './node-process.js';
import type { LabPlan } from './plan.js';
import { AGENT_PORT } from './qemu.js';
import type { LabStatus } from './state.js';

const runDir = process.argv[2] as string;
const plan = JSON.parse(await readFile(path.join(runDir, 'plan.json'), 'utf8')) as LabPlan;
const nodes = new Map<string, NodeProcess>();
let failure: string | undefined;
let tiedToParent = true;

async function down(code: number): Promise<never> {
  for (const node of nodes.values()) node.kill();
  await rm(runDir, { recursive: true, force: true }).catch(() => {});
  process.exit(code);
}

async function status(): Promise<LabStatus> {
  const all = [...nodes.values()];
  return {
    name: plan.name,
    state: failure ? 'failed' : all.length > 0 && all.every((node) => node.state === 'up') ? 'up' : 'booting',
    ...(failure ? { error: failure } : {}),
    accel: plan.accel,
    // /proc is the outer one: this is the pid that other processes see.
    pid: Number(await readlink('/proc/self')),
    nodes: all.map((node) => node.status()),
  };
}

function relayExec(client: net.Socket, name: string, rest: Buffer): void {
  const node = nodes.get(name);
  const refuse = (error: string) => client.end(`${JSON.stringify({ error })}\n`);
  if (!node) {
    const known = [...nodes.keys()].join(', ');
    refuse(`the lab has no node '${name}'; its nodes are ${known}`);
    return;
  }
  if (node.state !== 'up') {
    refuse(node.state === 'dead' ? `node ${name} is dead: ${node.reason}` : `node ${name} is still booting`);
    return;
  }
  const agent = net.connect({ host: node.spec.controlIp, port: AGENT_PORT, noDelay: true });
  agent.once('connect', () => {
    client.write('{}\n');
    if (rest.length > 0) agent.write(rest);
    agent.pipe(client).pipe(agent);
  });
  agent.on('error', (error) => {
    if (agent.bytesRead === 0) refuse(`node ${name} does not answer: ${error.message}`);
    else client.destroy();
  });
  agent.on('close', () => client.end());
  client.on('close', () => agent.destroy());
  node.onDeath(() => agent.destroy());
}

async function answer(client: net.Socket, line: string, rest: Buffer): Promise<void> {
  const request = JSON.parse(line) as { op: string; node?: string };
  const reply = (value: unknown) => client.end(`${JSON.stringify(value)}\n`);
  if (request.op === 'exec') return relayExec(client, String(request.node), rest);
  if (request.op === 'status') return void reply(await status());
  if (request.op === 'detach') {
    tiedToParent = false;
    return void reply({});
  }
  if (request.op === 'down') {
    client.write('{}\n');
    await down(0);
  }
  reply({ error: `unknown request '${request.op}'` });
}

function listen(): void {
  const server = net.createServer({ noDelay: true }, (client) => {
    let head = Buffer.alloc(0);
    client.on('error', () => client.destroy());
    const onData = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(10);
      if (end < 0) return;
      client.off('data', onData);
      client.pause();
      answer(client, head.subarray(0, end).toString(), head.subarray(end + 1)).catch(() => client.destroy());
    };
    client.on('data', onData);
  });
  server.listen(path.join(runDir, 'control'));
}

process.on('SIGTERM', () => void down(0));
process.on('SIGINT', () => void down(0));
process.on('SIGHUP', () => {
  if (tiedToParent) void down(0);
});
process.stdin.on('error', () => {}).on('close', () => tiedToParent && void down(1));
process.stdin.resume();
listen();

try {
  await makeNetwork(plan.nodes);
  for (const spec of plan.nodes) nodes.set(spec.name, new NodeProcess(spec, plan, runDir));
  for (const node of nodes.values()) await node.ready;
} catch (error) {
  failure = (error as Error).message;
}
