// The options of `roam migrate` that say how memory is sent.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CompressMode, MigrateOptions } from '../migrate/index.js';
import { amount } from './inspect-flags.js';

export interface MemoryFlags {
  preCopy?: boolean;
  maxBlackout?: number;
  maxRounds?: number;
  onNoConvergence?: 'stop' | 'go';
  bandwidthLimit?: number;
  compress: CompressMode;
}

const MIB = 1048576;
const UNITS: Record<string, number> = { ms: 1, s: 1000, '': 1000 };

/** Milliseconds of `300ms`, `2s` or `2`. @throws CommanderError that names the option */
export function duration(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError(`"${text}" is no time such as 300ms or 2s.`);
  return Number(digits) * (UNITS[unit] ?? 1);
}

/** A number for an option, 1 or more. @throws CommanderError that names the option */
export function count(text: string): number {
  if (!/^[1-9]\d*$/.test(text))
    throw new InvalidArgumentError(`"${text}" is not a whole number of 1 or more.`);
  return Number(text);
}

export function memoryFlags(command: Command): Command {
  return command
    .option('--pre-copy', 'send memory in rounds while the process runs')
    .option(
      '--max-blackout <time>',
      'pre-copy until the predicted blackout is shorter, such as 300ms',
      duration,
    )
    .option('--max-rounds <n>', 'most rounds of pre-copy (default: 8)', count)
    .addOption(
      new Option(
        '--on-no-convergence <what>',
        'when pre-copy cannot make the blackout that short (default: stop)',
      ).choices(['stop', 'go']),
    )
    .option('--bandwidth-limit <MiB/s>', 'most that memory may take of the link, after compression', amount)
    .addOption(
      new Option('--compress <how>', 'compress what is sent: auto measures whether that is faster')
        .choices(['auto', 'zstd', 'none'])
        .default('auto'),
    );
}

/** Every option of pre-copy asks for it. */
export function memoryOptions(
  flags: MemoryFlags,
): Pick<MigrateOptions, 'preCopy' | 'bandwidth' | 'compress'> {
  const { preCopy = false, maxBlackout, maxRounds, onNoConvergence, bandwidthLimit, compress } = flags;
  const wanted = preCopy || [maxBlackout, maxRounds, onNoConvergence].some((value) => value !== undefined);
  const rules = {
    ...(maxBlackout === undefined ? {} : { maxBlackoutMs: maxBlackout }),
    ...(maxRounds === undefined ? {} : { maxRounds }),
    ...(onNoConvergence === undefined ? {} : { onNoConvergence }),
  };
  return {
    compress,
    ...(wanted ? { preCopy: rules } : {}),
    ...(bandwidthLimit ? { bandwidth: bandwidthLimit * MIB } : {}),
  };
}
