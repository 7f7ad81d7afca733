// `roam sampler`: what the demo runs on the peer.
import type { Command } from 'commander';
import { sample } from '../demo/sampler.js';

export function registerSampler(program: Command): void {
  program
    .command('sampler', { hidden: true })
    .option('--device <name>', 'RDMA device', 'rxe0')
    .option('--interval <ms>', 'time between samples', '10')
    .description('report the longest times without a completion; ends with its standard input')
    .action(async ({ device, interval }: { device: string; interval: string }) => {
      const ended = new AbortController();
      process.stdin.on('end', () => ended.abort()).on('error', () => ended.abort());
      process.stdin.resume();
      process.on('SIGTERM', () => ended.abort());
      await sample(device, Number(interval), ended.signal, (line) =>
        process.stdout.write(`${JSON.stringify(line)}\n`),
      );
      process.stdin.destroy();
    });
}
