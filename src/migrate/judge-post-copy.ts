import type { HostFacts } from './agent/protocol.js';
import { Findings } from './findings.js';
import { isManaged } from './oci/container.js';
import { mebibytes } from './run.js';
import type { SourceFacts } from './source.js';
import type { Finding } from './types.js';

/** What post-copy asks of the hosts, and what it puts at stake. */
export function judgePostCopy(source: SourceFacts, destination: HostFacts): Finding[] {
  const { container, memory, host } = source;
  const there = new Findings(destination.hostname);
  const here = new Findings(source.hostname);
  const without = 'move it without --post-copy';
  if (!destination.lazyPages)
    there.error(
      'POST_COPY_UNSUPPORTED',
      'CRIU cannot bring memory after a restore (its feature check knows no lazy pages)',
      `use a kernel with CONFIG_USERFAULTFD, or ${without}`,
    );
  if (container && isManaged(container))
    here.error(
      'POST_COPY_UNSUPPORTED',
      'memory of a container of Docker or Podman cannot follow it yet',
      without,
    );
  if (host.memoryAvailable < memory)
    here.error(
      'MEMORY_SHORT',
      `${mebibytes(host.memoryAvailable)} of memory are free; what goes after the restore, up to ${mebibytes(memory)}, is kept beside the process`,
      without,
    );
  here.warning(
    'POST_COPY_RISK',
    `with --post-copy, the process is lost if this host, ${destination.hostname} or the link between them fails before all memory has followed it`,
  );
  return [...there.list, ...here.list];
}
