// What `roam inspect` tells of a dump. Plain data: addresses and file ids are hexadecimal texts.
import type { MigrationState } from '../rxe/types.js';
import type { Access } from '../verbs/enums.js';

/** A directory of images. */
export interface ImageReport {
  /** The images themselves; of a directory that `roam migrate --keep-images` leaves, its `images`. */
  dir: string;
  /** Version of CRIU's image format. */
  imageVersion: number;
  /** Rounds of pre-copy beside it, `images.1` first. */
  rounds: string[];
  processes: ImageProcess[];
  contexts: ImageContext[];
}

export interface ImageProcess {
  pid: number;
  ppid: number;
  pgid: number;
  sid: number;
  comm: string;
  /** Thread ids, that of the process first. */
  threads: number[];
  /** Absent for a zombie. */
  memory?: {
    /** Bytes of all mappings. */
    mapped: number;
    /** In pages of 4 KiB; absent where the pages went to a page server: its directory lists them. */
    pages?: { present: number; inParent: number; lazy: number };
  };
}

/** A verbs context. Processes of a tree can share one. */
export interface ImageContext {
  /** That of its file, `roam-rdma-ctx-N.img`. */
  number: number;
  /** By what it is known in its processes: `pid 17 fd 4`. */
  name: string;
  /** RDMA device, such as `rxe0`, and its node, such as `uverbs0`. */
  device: string;
  uverbs: string;
  compVectors: number;
  /** Of what the program wants to be told. */
  watch: ('qps' | 'moves')[];
  pids: number[];
  pds: ImagePd[];
  channels: ImageEventFile[];
  asyncFiles: ImageEventFile[];
  cqs: ImageCq[];
  srqs: ImageSrq[];
  ahs: ImageAh[];
  mrs: ImageMr[];
  mws: ImageMw[];
  qps: ImageQp[];
}

export interface ImagePd {
  /** uverbs handle. */
  handle: number;
}

/** A completion channel or async event file. */
export interface ImageEventFile {
  /** By what it is known in its processes: `pid 17 fd 5`. */
  name: string;
  /** As the source host knew it: another one after each restore. */
  id: string;
  /** Unread async events: the type's number, and the handle of the QP, CQ or SRQ. */
  unread: { type: number; handle?: number }[];
}

export interface ImageCq {
  handle: number;
  /** Completions that it has room for, and that are not polled yet; null: the ring makes no sense. */
  depth: number;
  completions: number | null;
  compVector: number;
  /** Whether the next completion makes an event, of any kind or of solicited ones. */
  armed: 'no' | 'next' | 'solicited' | `UNKNOWN(${number})`;
  /** Name of its completion channel. */
  channel?: string;
  unreadEvents: number;
}

/** A shared receive queue. */
export interface ImageSrq extends ImageQueue {
  number: number;
  handle: number;
  pd: number;
  /** An event comes when fewer receives are posted; 0: not armed. */
  limit: number;
}

/** An address handle. */
export interface ImageAh {
  /** By which send requests name it. */
  number: number;
  handle: number;
  pd: number;
  port: number;
  sgid: string;
  dgid: string;
  sgidIndex: number;
  flowLabel: number;
  hopLimit: number;
  trafficClass: number;
}

export interface ImageMr {
  handle: number;
  pd: number;
  lkey: number;
  rkey: number;
  start: string;
  length: number;
  iova: string;
  access: Access[];
}

/** A memory window. */
export interface ImageMw {
  handle: number;
  pd: number;
  /** 1 or 2. */
  type: number;
  /** As it is now: a bind changes its last byte. */
  rkey: number;
  /** One of type 1 is valid unbound too. */
  state: 'invalid' | 'free' | 'valid' | `UNKNOWN(${number})`;
  /** Of the MR, and with type 2 of the QP, that it is bound to; absent: to none. */
  mrLkey?: number;
  qpn?: number;
  addr: string;
  length: number;
  access: Access[];
}

/** A queue of work requests. */
export interface ImageQueue {
  depth: number;
  sges: number;
  /** Posted and not completed; null: the ring, which the program can write to, makes no sense. */
  posted: number | null;
}

export interface ImageQp {
  qpn: number;
  handle: number;
  type: string;
  state: string;
  migrationState: MigrationState;
  migrationFlags: MigrationState[];
  /** uverbs handles. */
  pd: number;
  sendCq: number;
  recvCq: number;
  /** Where its receives are; absent: in a queue of its own. */
  srq?: number;
  /** GIDs of the multicast groups that it is attached to; absent: none. */
  groups?: string[];
  /** 0 with GIDs `::`: it is not connected, as one of UD never is. */
  destQpn: number;
  sgid: string;
  dgid: string;
  sgidIndex: number;
  /** Bytes. */
  pathMtu: number;
  psn: {
    /** Next one of the requester. */
    req: number;
    /** Oldest unacknowledged one. */
    comp: number;
    /** The one that the responder expects. */
    resp: number;
  };
  /** Message sequence number of the responder. */
  msn: number;
  send: ImageQueue;
  /** Empty with an SRQ. */
  recv: ImageQueue;
  maxInline: number;
  /** Outstanding READs and atomics, as requester and as responder. */
  maxRdAtomic: number;
  maxDestRdAtomic: number;
  /** As in ibv_qp_attr: 4.096 us times 2 to its power. */
  timeout: number;
  retryCnt: number;
  rnrRetry: number;
  minRnrTimer: number;
  access: Access[];
  /** How often this end has been stopped. */
  epoch: number;
  /** The last stop of the peer whose Resume it took; 0: none. */
  peerEpoch: number;
  /** The stop that the peer has told, while paused. */
  nakEpoch: number;
  /** The peer understands the messages of the protocol. */
  peerAware: boolean;
}

/** What is in one dump and not in another. */
export interface ImageDifference {
  before: string;
  after: string;
  added: ImageObject[];
  removed: ImageObject[];
  changed: (ImageObject & {
    /** Such as `psn.req`. */
    field: string;
    before: unknown;
    after: unknown;
  })[];
}

export interface ImageObject {
  kind:
    | 'dump'
    | 'process'
    | 'context'
    | 'PD'
    | 'channel'
    | 'async file'
    | 'CQ'
    | 'SRQ'
    | 'AH'
    | 'MR'
    | 'MW'
    | 'QP';
  /** Unique within its kind: `pid 17`, `pid 17 fd 4 QPN 18`. */
  name: string;
}
