// What the destination's Podman says when it is asked for a place, and the container that it makes there.
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RoamError } from '../../errors.js';
import { removeCriuRoots } from '../oci/criu-root.js';
import { run, tryRun } from '../run.js';
import { errorIn, inspectPodman, PodmanError, type PodmanInfo, podmanInfo } from './cli.js';
import { CONFIG_FILE, type Description, SPEC_FILE } from './describe.js';
import type { Inspected } from './types.js';

export interface PodmanWanted {
  id: string;
  name: string;
  image: { id: string; name: string };
}

export interface PodmanPlace {
  /** Absent: there is no Podman, which `problem` tells. */
  info?: PodmanInfo;
  problem?: string;
  /** There is a container of that name or id. */
  known: boolean;
  /** Id of what has the image's name here. */
  image?: string;
  /** The interpreter of our script is missing. */
  lacksPerl: boolean;
}

export async function podmanPlace({ id, name, image }: PodmanWanted): Promise<PodmanPlace> {
  const perl = await stat('/usr/bin/perl').catch(() => undefined);
  const info = await podmanInfo().catch((error: Error) => error);
  if (info instanceof Error) return { problem: info.message, known: false, lacksPerl: !perl };
  const [known, called] = await Promise.all([
    inspectPodman<Inspected>('container', name, id),
    inspectPodman<{ Id: string }>('image', image.name),
  ]);
  return {
    info,
    known: known !== undefined,
    ...(called ? { image: called.Id } : {}),
    lacksPerl: !perl,
  };
}

export interface PodmanDraft {
  id: string;
  name: string;
  description: Description;
  /** config.json as the source's Podman has made it for the runtime. */
  bundleConfig: string;
}

export interface PodmanCreated {
  /** Its writable layer. */
  upper: string;
  /** What it prints is kept here. */
  log: string;
  /** Directory of config.json. */
  bundle: string;
}

/** @throws RoamError CONTAINER_EXISTS */
export async function demandFree({ id, name }: PodmanDraft): Promise<void> {
  if (await inspectPodman('container', name, id))
    throw new RoamError('CONTAINER_EXISTS', `there is a container ${name} already`, {
      remedy: `podman rm ${name}`,
    });
}

/**
 * Makes the same container: its configuration, its name and its id. It does not run yet.
 *
 * @param dir of the migration here
 * @throws PodmanError
 */
export async function createFromDescription(draft: PodmanDraft, dir: string): Promise<PodmanCreated> {
  const { id, description, bundleConfig } = draft;
  const place = join(dir, 'podman');
  await mkdir(place, { recursive: true, mode: 0o700 });
  await writeFile(join(place, CONFIG_FILE), description.config, { mode: 0o600 });
  await writeFile(join(place, SPEC_FILE), description.spec, { mode: 0o600 });
  const archive = join(dir, 'podman.tar');
  await run('tar', ['--create', '--file', archive, '--directory', place, CONFIG_FILE, SPEC_FILE]);
  // Podman makes the container, and then misses the images of CRIU, which are not there yet.
  const importing = await tryRun('podman', ['container', 'restore', '--ignore-volumes', '--import', archive]);
  const made = await inspectPodman<Inspected>('container', id);
  const upper = made?.GraphDriver.Data?.UpperDir;
  if (!made || !upper) throw new PodmanError(`podman container restore: ${errorIn(importing)}`);
  const bundle = made.StaticDir;
  // With the mounts that Podman has added at the source; its root file system alone is in another place here.
  const config = JSON.parse(bundleConfig) as { root: { path: string } };
  config.root.path = upper.replace(/\/diff$/, '/merged');
  await writeFile(join(bundle, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  return { upper, log: made.HostConfig.LogConfig.Path, bundle };
}

/** Kills what is left of a container and removes Podman's record of it, but no volumes. None is as good. */
export async function removeFromPodman(id: string): Promise<void> {
  await removeCriuRoots((bundle) => bundle.endsWith(`/${id}/userdata`));
  await run('podman', ['rm', '--force', '--ignore', '--time', '0', id]);
}
