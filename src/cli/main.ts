// The `roam` command.
import type { Command } from 'commander';
import { packageVersion } from '../package-version.js';

type Register = (program: Command) => void;

/** Each command is loaded when it is named: a migration waits for the start of `roam` on two hosts. */
const commands: Record<string, () => Promise<Register>> = {
  agent: async () => (await import('./agent.js')).registerAgent,
  lab: async () => (await import('./lab.js')).registerLab,
  check: async () => (await import('./check.js')).registerCheck,
  migrate: async () => (await import('./migrate.js')).registerMigrate,
  nodes: async () => (await import('./nodes.js')).registerNodes,
  drain: async () => (await import('./drain.js')).registerDrain,
  recover: async () => (await import('./recover.js')).registerRecover,
  inspect: async () => (await import('./inspect.js')).registerInspect,
  qps: async () => (await import('./qps.js')).registerQps,
  devinfo: async () => (await import('./devinfo.js')).registerDevinfo,
  perf: async () => (await import('./perf.js')).registerPerf,
  demo: async () => (await import('./demo.js')).registerDemo,
  sampler: async () => (await import('./sampler.js')).registerSampler,
};

const EXAMPLES = `
Examples:
  roam lab up --nodes 3                           SoftRoCE nodes a, b, c on this machine
  roam qps                                        every QP of this host and its migration state
  roam check pid:1234 --to b                      what stands in the way of moving a process
  roam migrate pid:1234 --to b --ip 10.0.1.7/24   move a process and its address
  roam nodes a b c                                hosts, what they have left, and what could leave them
  roam drain --to b,c                             move everything that uses RDMA off this host
  roam recover                                    finish or undo what a crash broke off
  roam inspect /dev/shm/roam-a-1234-m1x2y3z4      what is in images that were kept
  roam perf send_bw                               a bandwidth test, against ib_send_bw or itself
  roam demo                                       move a running ib_send_bw in mid-transfer
`;

/** Runs one command line; sets the exit code and prints every error itself. */
export async function main(argv: string[] = process.argv): Promise<void> {
  // Output that is lost must not end a migration half way: a reader such as `head` that went away, a full disk.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') process.exitCode = 1;
    });
  const name = argv[2] ?? '';
  // With options it is the command that listens.
  if (name === 'agent' && argv.length === 3) {
    const { serveAgent } = await import('../migrate/agent/server.js');
    await serveAgent(process.stdin, process.stdout);
    // A descriptor that a restored child keeps open must not keep the agent.
    process.exit();
  }
  const { Command, CommanderError } = await import('commander');
  const program = new Command('roam')
    .description('live migration of running RDMA processes between Linux hosts, with their peers connected')
    .version(await packageVersion())
    .enablePositionalOptions()
    .addHelpText('after', EXAMPLES);
  const wanted = Object.hasOwn(commands, name) ? [name] : Object.keys(commands);
  for (const command of wanted) (await commands[command]?.())?.(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else (await import('./output.js')).fail(error, argv.includes('--json'));
  }
}
