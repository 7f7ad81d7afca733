// A restart policy: at its end, Podman would start the container again at the source.
import { podman } from './cli.js';
import type { Inspected } from './types.js';

/** Plain data, as it stands in the journal. */
export interface PodmanTies {
  manager: 'podman';
  id: string;
  /** As `podman update --restart` takes it; absent: its end would not start it again. */
  restart?: string;
}

export function tiesOfPodman({ Id, HostConfig }: Inspected): PodmanTies {
  const { Name, MaximumRetryCount } = HostConfig.RestartPolicy;
  const restart = MaximumRetryCount > 0 ? `${Name}:${MaximumRetryCount}` : Name;
  return { manager: 'podman', id: Id, ...(['', 'no'].includes(Name) ? {} : { restart }) };
}

export async function loosenPodman({ id, restart }: PodmanTies): Promise<void> {
  if (restart) await podman(['update', '--restart', 'no', id]);
}

export async function tiePodman({ id, restart }: PodmanTies): Promise<void> {
  if (restart) await podman(['update', '--restart', restart, id]);
}
