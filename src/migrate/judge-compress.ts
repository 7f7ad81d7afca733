// Whether what is sent can be compressed.
import type { HostFacts } from './agent/protocol.js';
import type { Finding } from './types.js';
import type { CompressMode } from './wire/chooser.js';

const LACKING = 'libzstd.so.1 is missing: nothing will be compressed';

/** Why nothing can be compressed; undefined: it can. */
export function compressionLacks(source: HostFacts, destination: HostFacts): string | undefined {
  const lacking = [source, destination].filter(({ zstd }) => zstd === undefined);
  if (lacking.length === 0) return undefined;
  return `libzstd.so.1 is missing on ${lacking.map(({ hostname }) => hostname).join(' and ')}`;
}

/** Nothing here keeps a migration from beginning: without compression it is slower at worst. */
export function judgeCompression(hosts: HostFacts[], mode: CompressMode): Finding[] {
  if (mode === 'none') return [];
  return hosts
    .filter(({ zstd }) => zstd === undefined)
    .map(({ hostname: host }) => ({
      severity: mode === 'zstd' ? 'warning' : 'info',
      code: 'NO_ZSTD',
      host,
      message: LACKING,
      remedy: 'install libzstd (Debian: libzstd1)',
    }));
}
