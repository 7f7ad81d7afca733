import { describe, expect, it } from 'vitest';
import type { DockerInfo } from '../../../src/migrate/docker/api.js';
import { type DockerContainer, dockerName } from '../../../src/migrate/docker/container.js';
import { createBody, endpointConfig } from '../../../src/migrate/docker/create.js';
import { judgeDocker, judgeDockerPlace } from '../../../src/migrate/docker/judge.js';
import { tiesOf } from '../../../src/migrate/docker/networks.js';
import type { DockerPlace } from '../../../src/migrate/docker/place.js';
import type { Inspected, Network } from '../../../src/migrate/docker/types.js';

const ID = 'f065fe419056e53ce8ec1a7d1fc8a7ef46705365c4c679e59eefa3342af27849';

/** As `docker inspect` says it, cut to what matters. */
const inspected = (config: object = {}, host: object = {}, more: object = {}): Inspected => ({
  Id: ID,
  Name: '/db',
  Image: `sha256:${'1'.repeat(64)}`,
  State: { Running: true, Paused: false, Status: 'running', Pid: 17 },
  Config: {
    Image: 'perftest:latest',
    Hostname: 'f065fe419056',
    Tty: false,
    Env: ['PATH=/bin'],
    Cmd: ['ib_send_bw', '-b'],
    Labels: { a: 'b' },
    ...config,
  },
  HostConfig: {
    NetworkMode: 'rdma-net',
    Runtime: 'runc',
    AutoRemove: false,
    ContainerIDFile: '',
    CapAdd: ['ALL'],
    SecurityOpt: ['seccomp:unconfined'],
    Memory: 1073741824,
    Ulimits: [{ Name: 'memlock', Hard: 1073741824, Soft: 1073741824 }],
    Devices: [
      { PathOnHost: '/dev/infiniband/', PathInContainer: '/dev/infiniband/', CgroupPermissions: 'rwm' },
    ],
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    ...host,
  } as Inspected['HostConfig'],
  GraphDriver: { Name: 'overlay2', Data: { UpperDir: '/var/lib/docker/overlay2/x/diff' } },
  Mounts: [],
  NetworkSettings: {
    Networks: {
      'rdma-net': {
        NetworkID: 'n1',
        IPAddress: '10.0.1.7',
        IPAMConfig: { IPv4Address: '10.0.1.7' },
        Aliases: ['f065fe419056', 'server'],
        Links: null,
        DriverOpts: null,
      },
    },
  },
  ...more,
});

const info = (more: Partial<DockerInfo> = {}): DockerInfo => ({
  ServerVersion: '26.1.5',
  Driver: 'overlay2',
  DockerRootDir: '/var/lib/docker',
  ExperimentalBuild: true,
  Swarm: { LocalNodeState: 'active', RemoteManagers: [{ NodeID: 'm1' }] },
  ...more,
});

const overlay: Network = { Id: 'n1', Name: 'rdma-net', Driver: 'overlay', Scope: 'swarm', Attachable: true };

const container = (of: Inspected = inspected(), networks = [overlay]): DockerContainer => ({
  inspected: of,
  name: 'db',
  info: info(),
  networks,
  addresses: ['10.0.1.7'],
  upper: '/var/lib/docker/overlay2/x/diff',
});

const codes = (found: { code: string }[]) => found.map(({ code }) => code);

describe('a name', () => {
  it('is taken from the target, and no other target is a container of Docker', () => {
    expect(dockerName('docker:cont-moving_1.a')).toBe('cont-moving_1.a');
    expect(dockerName('runc:web')).toBeUndefined();
    expect(dockerName('17')).toBeUndefined();
    for (const bad of ['docker:', 'docker:-f', 'docker:../x', 'docker:a b', 'docker:a/b'])
      expect(() => dockerName(bad)).toThrow(/no name of a container/);
  });
});

describe('the container that is made at the destination', () => {
  it('has the configuration of the one that it follows', () => {
    const body = createBody(inspected(), 'perftest:latest');
    expect(body).toMatchObject({
      Image: 'perftest:latest',
      Hostname: 'f065fe419056',
      Env: ['PATH=/bin'],
      Cmd: ['ib_send_bw', '-b'],
      Labels: { a: 'b' },
      HostConfig: {
        NetworkMode: 'rdma-net',
        CapAdd: ['ALL'],
        SecurityOpt: ['seccomp:unconfined'],
        Memory: 1073741824,
        Ulimits: [{ Name: 'memlock' }],
        Devices: [{ PathOnHost: '/dev/infiniband/' }],
      },
    });
    expect(body.HostConfig).not.toHaveProperty('ContainerIDFile');
  });

  it('asks for the address that the other one has, even if that one was given any', () => {
    const { NetworkingConfig } = createBody(inspected(), 'x');
    expect(NetworkingConfig.EndpointsConfig).toEqual({
      'rdma-net': { IPAMConfig: { IPv4Address: '10.0.1.7' }, Aliases: ['server'] },
    });
    const any = { NetworkID: 'n1', IPAddress: '10.0.1.9', IPAMConfig: null, Aliases: null };
    expect(endpointConfig(ID, any)).toEqual({ IPAMConfig: { IPv4Address: '10.0.1.9' } });
  });

  it('asks for none on the network of its host', () => {
    const host = { NetworkID: 'h', IPAddress: '' };
    const of = inspected({}, { NetworkMode: 'host' }, { NetworkSettings: { Networks: { host } } });
    expect(createBody(of, 'x').NetworkingConfig.EndpointsConfig).toEqual({});
  });

  it('is called by its id where its name means another image', () => {
    expect(createBody(inspected(), `sha256:${'1'.repeat(64)}`).Image).toMatch(/^sha256:/);
  });
});

describe('what a container is loosened from', () => {
  it('is its networks, and its restart policy if it has one', () => {
    const endpoint = { IPAMConfig: { IPv4Address: '10.0.1.7' }, Aliases: ['server'] };
    const networks = [{ name: 'rdma-net', endpoint }];
    expect(tiesOf(container())).toEqual({ manager: 'docker', id: ID, networks });
    const always = { Name: 'always', MaximumRetryCount: 0 };
    expect(tiesOf(container(inspected({}, { RestartPolicy: always })))).toEqual({
      manager: 'docker',
      id: ID,
      networks,
      restart: always,
    });
  });
});

describe('what keeps a container here', () => {
  it('is nothing in one on an attachable overlay network, or on that of its host', () => {
    expect(judgeDocker('a', container(), [])).toEqual([]);
    expect(judgeDocker('a', container(inspected(), []), [])).toEqual([]);
  });

  it('is a terminal, a storage driver, a network, a volume', () => {
    const volume = { Type: 'volume', Name: 'v', Source: '/var/lib/docker/volumes/v/_data' };
    const Mounts = [
      { ...volume, Destination: '/data', RW: true },
      { Type: 'bind', Source: '/srv/db', Destination: '/srv', RW: true },
    ];
    const bad = inspected({ Tty: true }, { NetworkMode: 'container:x' }, { Mounts });
    const { upper: _, ...unknown } = container(bad, [
      { ...overlay, Attachable: false },
      { ...overlay, Name: 'bridge', Driver: 'bridge' },
    ]);
    const found = judgeDocker('a', unknown, []);
    expect(codes(found)).toEqual([
      'CONTAINER_TTY',
      'STORAGE_DRIVER',
      'NETWORK_SHARED',
      'NETWORK_STAYS',
      'NETWORK_STAYS',
      'VOLUME_STAYS',
      'BIND_STAYS',
    ]);
    const synced = judgeDocker('a', unknown, ['/var/lib/docker/volumes/v', '/srv/db']);
    expect(codes(synced)).not.toContain('VOLUME_STAYS');
    expect(codes(synced)).not.toContain('BIND_STAYS');
  });
});

describe('what the destination lacks', () => {
  const place = (more: Partial<DockerPlace> = {}): DockerPlace => ({
    info: info(),
    known: false,
    image: 'perftest:latest',
    networks: [],
    ...more,
  });
  const judged = (more: Partial<DockerPlace>, copyImage = false) =>
    codes(judgeDockerPlace('b', container(), place(more), copyImage));

  it('is nothing, or what it is told to have', () => {
    expect(judged({})).toEqual([]);
    expect(judged({ known: true })).toEqual(['CONTAINER_EXISTS']);
    expect(judged({ shimProblem: 'no perl' })).toEqual(['DOCKER_PATH']);
    const { info: _, ...none } = place({ problem: 'the Docker daemon does not answer' });
    expect(codes(judgeDockerPlace('b', container(), none, false))).toEqual(['DOCKER_MISSING']);
  });

  it('is an image, unless that goes along', () => {
    const { image: _, ...without } = place();
    expect(codes(judgeDockerPlace('b', container(), without, false))).toEqual(['IMAGE_MISSING']);
    expect(codes(judgeDockerPlace('b', container(), without, true))).toEqual([]);
  });

  it('is experimental mode, the storage driver, the version', () => {
    const odd = { ExperimentalBuild: false, Driver: 'vfs', ServerVersion: '27.0' };
    expect(judged({ info: info(odd) })).toEqual(['DOCKER_EXPERIMENTAL', 'DOCKER_DIFFERS', 'STORAGE_DRIVER']);
  });

  it('is a swarm, the same swarm, or a network that a manager would know', () => {
    const swarm = (Swarm: DockerInfo['Swarm']) => judged({ info: info(Swarm ? { Swarm } : {}) });
    expect(swarm({ LocalNodeState: 'inactive' })).toEqual(['SWARM_MISSING']);
    expect(swarm({ LocalNodeState: 'active', RemoteManagers: [{ NodeID: 'm2' }] })).toEqual([
      'SWARM_DIFFERS',
    ]);
    const manager = { LocalNodeState: 'active', ControlAvailable: true, RemoteManagers: [{ NodeID: 'm1' }] };
    expect(swarm(manager)).toEqual(['NETWORK_MISSING']);
    expect(judged({ info: info({ Swarm: manager }), networks: ['n1'] })).toEqual([]);
  });
});
