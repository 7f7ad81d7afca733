/** What a QP does about migration. */
export type MigrationState =
  /** Nothing. */
  | 'running'
  /** It is being moved: it sends nothing and answers requests with NAK-stopped. */
  | 'stopped'
  /** Its peer is being moved: it sends nothing until the peer's Resume. */
  | 'paused'
  /** It has been moved, and waits until its peer has acknowledged its Resume. */
  | 'resuming';

/** A QP on an rxe device with migration. */
export interface QpInfo {
  qpn: number;
  destQpn: number;
  /** `RC`, `UD`, `UC`, `GSI`, ...; `UNKNOWN(n)` for a type that this version does not know. */
  type: string;
  /** Verbs state: `RESET`, `INIT`, `RTR`, `RTS`, `SQD`, `SQE` or `ERR`. */
  state: string;
  migrationState: MigrationState;
  /** Everything that holds, strongest first: both ends of a connection may move at once. */
  migrationFlags: string[];
  /** Owner in the initial pid namespace, 0: the kernel. */
  pid: number;
  /** Next packet sequence number of the requester. */
  reqPsn: number;
  /** Oldest unacknowledged one. */
  compPsn: number;
  /** The one that the responder expects. */
  respPsn: number;
  /** Message sequence number of the responder. */
  msn: number;
  /** As IPv6 addresses, `::ffff:10.0.0.1` for IPv4. */
  sgid: string;
  dgid: string;
  /** How often this end has been stopped. */
  epoch: number;
  /** The peer understands the messages of the protocol; false: it has not been asked yet, or did not answer. */
  peerAware: boolean;
  /** The wait that an unaware peer is told while this end is stopped, encoded as in an RNR NAK; 32: it is told nothing. */
  rnrTimer: number;
  /** uverbs handle, absent for the kernel's QPs. */
  handle?: number;
}

/** State of a verbs context: `restoring` has no memory pinned yet, `pinned` is whole again, QPs still stopped. */
export type ContextState = 'live' | 'restoring' | 'pinned' | (string & {});

/** What the module says of itself and of one context. */
export interface RxeQuery {
  moduleVersion: string;
  /** Version of the interface (native/include/roam_rxe.h) and of its dumps. */
  abi: number;
  dumpVersion: number;
  contextState: ContextState;
  /** QPs on behalf of which the device answers, see {@link Reservation}. */
  reservations: number;
  /** Tells the keys of two hosts apart (sysctl net.rdma_rxe.key); 16 hexadecimal digits, absent: no key. */
  keyId?: string;
  /** Messages of the migration protocol, per device. */
  counters: {
    nakStoppedSent: number;
    nakStoppedReceived: number;
    resumeSent: number;
    resumeReceived: number;
    resumeAcked: number;
    resumeRefused: number;
    /** Resumes that were sent on to where their receiver had gone, see {@link Reservation}. */
    resumeForwarded: number;
    /** Messages that were dropped, because their sender does not have the key of this host. */
    unauthentic: number;
  };
}

/**
 * A stopped QP that is on its way between two hosts. The device that holds the reservation tells the QP's peer
 * to wait, until the QP is resumed there or the time is over.
 */
export interface Reservation {
  qpn: number;
  peerQpn: number;
  /** The peer's GID, as `dgid` of {@link QpInfo}: nobody else is answered. */
  peerGid: string;
  /** The stop that is told, as `epoch` of {@link QpInfo} while the QP is stopped. */
  epoch: number;
  /** `respPsn`, `msn`, `rnrTimer` and `peerAware` of the stopped QP, as {@link QpInfo} tells them. */
  psn: number;
  msn: number;
  rnrTimer: number;
  peerAware: boolean;
  /** Where the QP is going, as `sgid` of {@link QpInfo}: its peer's Resume is sent on to there. */
  forwardGid?: string;
}

/** An object that cannot be dumped. */
export interface UnsupportedObject {
  /** `QP`, `SRQ`, `AH`, `MW`, ... */
  type: string;
  /** QPN, SRQ number or key. */
  id: number;
  handle: number;
  /** Of a QP: its type. */
  detail?: string;
}
