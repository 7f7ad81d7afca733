// What the source and the agent say to each other: one JSON object per line, over ssh's stdin and stdout.
import type { Reservation } from '../../rxe/index.js';
import type { Cidr } from '../address.js';
import type { DestinationState, SourceState } from '../decide.js';
import type { CreatedContainer, DockerPlace, PlaceWanted } from '../docker/place.js';
import type { CreateBody } from '../docker/types.js';
import type { Place } from '../hold.js';
import type { Origin } from '../journal.js';
import type { NetnsLink } from '../netns/facts.js';
import type { ContainerOrder } from '../oci/restore.js';
import type { Named } from '../oci/runtime.js';
import type { PodmanCreated, PodmanDraft, PodmanPlace, PodmanWanted } from '../podman/place.js';
import type { NumberRanges } from '../ranges.js';
import type { TcpEnds } from '../tcp.js';
import type { HostVersions, SupportFile } from '../types.js';
import type { LinkFact } from './links.js';
import type { InsideAddress } from './network.js';
import type { PeerHost } from './peer-host.js';
import type { Reach } from './reach.js';
import type { Space } from './space.js';
import type { NodeFacts } from './survey.js';

/** Both ends must be of one protocol; the agent tells its own in the answer to `hello`. */
export const PROTOCOL_VERSION = 11;

export interface FileFact {
  path: string;
  size: number;
}

export interface HashedFile extends FileFact {
  /** SHA-256 of the content, hex; absent where the content was not compared. */
  sha256?: string;
}

/** Each fact costs time; only what the migration needs is asked for. */
export interface FactsWanted {
  /** Programs that must be there. */
  programs: string[];
  /** QPNs and keys in use. */
  rdma: boolean;
  /** Whether an IPv4 address can be announced. */
  announce: boolean;
}

export interface HostFacts {
  hostname: string;
  versions: HostVersions;
  arch: string;
  criuPlugin: boolean;
  /** SHA-256 of the plugin, hex. */
  pluginHash?: string;
  /** The kernel marks pages that are written to. */
  dirtyTracking: boolean;
  /** Interface and dump format of the migratable module, and which key it has, if one. */
  moduleAbi?: { abi: number; dump: number; keyId?: string };
  /** CRIU and the kernel can bring memory after a restore. */
  lazyPages: boolean;
  /** Version of libzstd; absent: nothing can be compressed or decompressed. */
  zstd?: string;
  addresses: { dev: string; ip: string }[];
  links: LinkFact[];
  /** Room in the places where images may lie, the best first. */
  imageSpace: (Space & { path: string })[];
  /** Every QP of every RDMA device of the host. */
  qpns: { device: string; qpn: number; pid: number }[];
  mrKeys: { device: string; key: number; pid: number }[];
  /** The numbers that new objects get; absent where the module has no ranges. */
  ranges?: NumberRanges;
  memoryAvailable: number;
  /** The kernel has time namespaces: CRIU restores into one, in which the clocks since boot go on. */
  timeNamespaces: boolean;
  /** Programs that were asked for and are missing. */
  missingPrograms: string[];
  canAnnounce: boolean;
}

export interface AgentOps {
  hello: { args: { criu: string }; result: { protocol: number; version: string } };
  facts: { args: FactsWanted; result: HostFacts };
  /** Which of the process, thread, group and session ids are taken. */
  takenIds: { args: { ids: number[] }; result: { id: number; comm: string }[] };
  /** Size of each path, -1 where there is none, -2 for a directory. */
  sizes: { args: { paths: string[] }; result: number[] };
  /** Paths whose content here is what the source has. */
  identical: { args: { files: HashedFile[] }; result: string[] };
  /** What the processors here lack of those that CRIU has described, in base64; null: nothing. */
  cpu: { args: { description: string }; result: string | null };
  /** Milliseconds of CLOCK_REALTIME and of CLOCK_MONOTONIC. */
  clock: { args: Record<string, never>; result: { now: number; monotonic: number } };
  /** The network device by which each address is reached; null: there is no route. */
  routes: { args: { addresses: string[] }; result: (string | null)[] };
  /** Whether each address answers. */
  reach: { args: { addresses: string[] }; result: Reach[] };
  /** What a host of peers is asked, instead of all the facts of a destination. */
  peerHost: { args: Record<string, never>; result: PeerHost };
  /** What a host of a fleet is asked: its facts, its load, and what could leave it. */
  survey: { args: Record<string, never>; result: NodeFacts };
  /** From now on, and whenever the module is loaded, new objects get these numbers. */
  setRanges: { args: { ranges: NumberRanges }; result: null };
  /** Room at each path, or at the nearest directory above it. */
  space: { args: { paths: string[] }; result: Space[] };
  prepare: {
    args: { bytes: number; id: string; origin: Origin; keepImages: boolean };
    result: { dir: string };
  };
  /** Listens for pages and files; the socket is for root alone. */
  openData: { args: Record<string, never>; result: { path: string } };
  /** Waits for the page server of one directory of images to end; what went wrong, if something did. */
  pagesEnd: { args: { images: string }; result: string | null };
  /** Puts files that lie below `dir`/files into their places. */
  placeFiles: { args: { paths: string[] }; result: null };
  /** `netns`: path of the network namespace that they are in, if it is not that of the host. */
  lockTcp: { args: { connections: TcpEnds[]; netns?: string }; result: null };
  /** The links of the network namespace at a path; null: there is none. */
  netns: { args: { path: string }; result: NetnsLink[] | null };
  /** Tells the peers of QPs that will come here to wait. */
  reserve: { args: { reservations: Reservation[]; holdMs: number }; result: null };
  /** `problems`: routes that could not be added. */
  takeAddress: {
    args: { address: Cidr; dev?: string; inside?: InsideAddress };
    result: { dev: string; problems: string[] };
  };
  restore: {
    /** `lazy`: memory comes afterwards, by the connection of that kind. */
    args: { shellJob: boolean; tcpClose: boolean; pids: number[]; lazy: boolean; container?: ContainerOrder };
    /** `copy`: where the processes have other numbers here; `stopped`: those of them that are to stay stopped. */
    result: { pid: number; ms: number; copy?: { pids: number[]; stopped: number[] } };
  };
  /** The version of a runtime, null without it, and whether it knows a container of that name. */
  container: { args: Named; result: { version: string | null; known: boolean } };
  docker: { args: PlaceWanted; result: DockerPlace };
  podman: { args: PodmanWanted; result: PodmanPlace };
  createPodman: { args: PodmanDraft; result: PodmanCreated };
  createContainer: { args: { name: string; body: CreateBody }; result: CreatedContainer };
  /** Waits until all memory has come; what went wrong, if something did: then the processes are dead. */
  lazyEnd: { args: Record<string, never>; result: string | null };
  /** Every RDMA context of the restored processes, whether it is whole, and where its QPs are. */
  verify: {
    args: { pids: number[] };
    result: { contexts: number; notPinned: string[]; notStopped: number[]; places: Place[] };
  };
  /** From here on losing the source no longer kills the restored processes. */
  arm: { args: Record<string, never>; result: null };
  resume: { args: { pids: number[]; stopped: number[] }; result: { contexts: number; warnings: string[] } };
  resuming: { args: { pids: number[] }; result: number[] };
  /** Logs of this host, for a support bundle. */
  logs: { args: Record<string, never>; result: SupportFile[] };
  finish: { args: Record<string, never>; result: { warnings: string[] } };
  /** Undoes everything that this agent did. */
  abort: { args: Record<string, never>; result: { warnings: string[] } };
  ping: { args: Record<string, never>; result: null };
  /** Another agent's copy, for a source whose connection to it is lost; `takeOver` ends that agent. */
  findCopy: { args: { id: string; takeOver: boolean }; result: { state: DestinationState } };
  settleCopy: { args: { id: string; action: 'finish' | 'undo' }; result: { warnings: string[] } };
  /** What became of a process that this host had, for a destination that lost the connection. */
  findSource: { args: { id: string; origin: Origin }; result: { state: SourceState } };
  settleSource: { args: { id: string; action: 'finish' | 'undo' }; result: { warnings: string[] } };
}

export type AgentOp = keyof AgentOps;

export interface AgentRequest {
  id: number;
  op: AgentOp;
  args: unknown;
}

export interface AgentFailure {
  message: string;
  code?: string;
  remedy?: string;
  /** First error of CRIU's log, where CRIU failed. */
  firstError?: string;
  logTail?: string;
}

export type AgentResponse = { id: number; result: unknown } | { id: number; error: AgentFailure };
