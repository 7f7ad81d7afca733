// The `roam` command.
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../migrate/version.js';
import { registerAgent } from './agent.js';
import { registerDemo } from './demo.js';
import { registerLab } from './lab.js';
import { registerMigrate } from './migrate.js';
import { fail } from './output.js';
import { registerQps } from './qps.js';

/** Runs one command line; sets the exit code and prints every error itself. */
export async function main(argv: string[] = process.argv): Promise<void> {
  const program = new Command('roam')
    .description('live migration of running RDMA processes between Linux hosts, with their peers connected')
    .version(await packageVersion())
    .enablePositionalOptions()
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  roam lab up --nodes 3                                 SoftRoCE nodes a, b, c on this machine',
        '  roam qps                                              every QP of this host and its migration state',
        '  roam migrate pid:1234 --to b --ip 10.0.1.7/24         move a process and its address',
        '  roam demo                                             move a running ib_send_bw in mid-transfer',
        '',
      ].join('\n'),
    );
  for (const register of [registerLab, registerMigrate, registerQps, registerDemo, registerAgent]) register(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else fail(error, argv.includes('--json'));
  }
}
