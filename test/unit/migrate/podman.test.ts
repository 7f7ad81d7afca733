import { describe, expect, it } from 'vitest';
import { errorIn, type PodmanInfo } from '../../../src/migrate/podman/cli.js';
import { isPodmanBundle, type PodmanContainer, podmanName } from '../../../src/migrate/podman/container.js';
import { judgePodman, judgePodmanPlace } from '../../../src/migrate/podman/judge.js';
import type { PodmanPlace } from '../../../src/migrate/podman/place.js';
import { tiesOfPodman } from '../../../src/migrate/podman/ties.js';
import type { Inspected } from '../../../src/migrate/podman/types.js';

const ID = '125eb5ad81db09f6260f9f77055f81a87356884baefbcc1732f82ea2ea3d28d7';
const IMAGE = '0f36cefb171ab5608e512526654dd0f92a82290837e1e3a200e0feb649f3cfc9';
const STATIC = `/var/lib/containers/storage/overlay-containers/${ID}/userdata`;

/** As `podman container inspect` says it, cut to what matters. */
const inspected = (
  more: Partial<Inspected> = {},
  host: Partial<Inspected['HostConfig']> = {},
): Inspected => ({
  Id: ID,
  Name: 'db',
  Image: IMAGE,
  ImageName: 'localhost/db:latest',
  Pod: '',
  Dependencies: [],
  OCIRuntime: 'crun',
  StaticDir: STATIC,
  State: { Running: true, Paused: false, Status: 'running', Pid: 17 },
  Config: { Tty: false },
  HostConfig: {
    NetworkMode: 'host',
    LogConfig: { Type: 'k8s-file', Path: `${STATIC}/ctr.log` },
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    ...host,
  },
  GraphDriver: { Name: 'overlay', Data: { UpperDir: '/up/diff' } },
  Mounts: [],
  ...more,
});

const info = (more: { version?: string; root?: string; manager?: string } = {}): PodmanInfo => ({
  host: { cgroupManager: more.manager ?? 'systemd', ociRuntime: { name: 'crun' } },
  store: {
    graphDriverName: 'overlay',
    graphRoot: more.root ?? '/var/lib/containers/storage',
    runRoot: '/run/containers/storage',
  },
  version: { Version: more.version ?? '5.4.2' },
});

const container = (what = inspected()): PodmanContainer => ({
  inspected: what,
  name: 'db',
  info: info(),
  upper: '/up/diff',
});

describe('a container of Podman', () => {
  it('is named by a target, and by nothing that would be an option', () => {
    expect(podmanName('podman:web')).toBe('web');
    expect(podmanName('docker:web')).toBeUndefined();
    expect(() => podmanName('podman:--all')).toThrow(/no name of a container/);
  });

  it('is known by its bundle where a runtime lists it', () => {
    expect(isPodmanBundle(STATIC)).toBe(true);
    expect(isPodmanBundle('/containers/db')).toBe(false);
  });

  it('is loosened from a restart policy, and from nothing else', () => {
    expect(tiesOfPodman(inspected())).toEqual({ manager: 'podman', id: ID });
    const policy = (Name: string, MaximumRetryCount: number) =>
      tiesOfPodman(inspected({}, { RestartPolicy: { Name, MaximumRetryCount } })).restart;
    expect(policy('always', 0)).toBe('always');
    expect(policy('on-failure', 3)).toBe('on-failure:3');
  });

  it('can move when it is on the network of its host, alone, without a terminal', () => {
    const codes = (what: Inspected, sync: string[] = []) =>
      judgePodman('a', container(what), sync).map(({ code }) => code);
    expect(codes(inspected())).toEqual([]);
    expect(codes(inspected({ Config: { Tty: true } }))).toEqual(['CONTAINER_TTY']);
    expect(codes(inspected({}, { NetworkMode: 'bridge' }))).toEqual(['NETWORK_STAYS']);
    expect(codes(inspected({ Pod: 'f00' }))).toEqual(['NAMESPACE_SHARED']);
    expect(codes(inspected({ Dependencies: ['f00'] }))).toEqual(['NAMESPACE_SHARED']);
    expect(codes(inspected({ Config: { Tty: false, Healthcheck: {} } }))).toEqual(['HEALTHCHECK_ENDS']);
    const volume = { Type: 'volume', Name: 'v', Source: '/v/_data', Destination: '/data', RW: true };
    expect(codes(inspected({ Mounts: [volume] }))).toEqual(['VOLUME_STAYS']);
    expect(codes(inspected({ Mounts: [volume] }), ['/v/_data'])).toEqual([]);
    const { upper: _, ...elsewhere } = container();
    expect(judgePodman('a', elsewhere, []).map(({ code }) => code)).toEqual(['STORAGE_DRIVER']);
  });

  it('needs the image, a free name, and a Podman that keeps things in the same places', () => {
    const place = { info: info(), known: false, image: IMAGE, lacksPerl: false };
    const codes = (there: PodmanPlace, copyImage = false) =>
      judgePodmanPlace('b', container(), there, copyImage).map(({ code, severity }) => `${severity} ${code}`);
    const { image: _, ...without } = place;
    expect(codes(place)).toEqual([]);
    expect(codes(without)).toEqual(['error IMAGE_MISSING']);
    expect(codes(without, true)).toEqual([]);
    expect(codes({ ...place, image: 'f00' }, true)).toEqual(['error IMAGE_DIFFERS']);
    expect(codes({ ...place, known: true })).toEqual(['error CONTAINER_EXISTS']);
    expect(codes({ ...place, lacksPerl: true })).toEqual(['error PERL_MISSING']);
    expect(codes({ ...place, info: info({ version: '5.5' }) })).toEqual(['warning PODMAN_DIFFERS']);
    expect(codes({ ...place, info: info({ root: '/srv' }) })).toEqual(['error PODMAN_DIFFERS']);
    expect(codes({ ...place, info: info({ manager: 'cgroupfs' }) })).toEqual(['error PODMAN_DIFFERS']);
    expect(codes({ known: false, lacksPerl: true, problem: 'no podman' })).toEqual(['error PODMAN_MISSING']);
  });

  it("says Podman's error without its frame", () => {
    const words = (stderr: string) => errorIn({ exitCode: 125, stdout: '', stderr });
    expect(words('time="x" level=warning msg="y"\nError: no container\n')).toBe('no container');
    expect(words('Error: no container\ntime="x" level=error\n')).toBe('no container');
    expect(words('')).toBe('exit code 125');
  });
});
