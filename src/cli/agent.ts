// `roam agent`: the destination's end of a migration, started over ssh by the source.
import type { Command } from 'commander';
import { serveAgent } from '../migrate/agent/server.js';

export function registerAgent(program: Command): void {
  program
    .command('agent', { hidden: true })
    .description('serve one migration over stdin and stdout (started by roam migrate)')
    .action(async () => {
      await serveAgent(process.stdin, process.stdout);
      // A descriptor that a restored child keeps open must not keep the agent.
      process.exit();
    });
}
