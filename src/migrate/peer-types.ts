// What is known of the peers of a process, as it is told.
import type { Reach } from './agent/reach.js';

export type { Reach };

/** What is known of a peer before the move. */
export interface PeerFacts {
  ip: string;
  /** QPNs of the process that are connected to it. */
  qpns: number[];
  /**
   * `roam`: it runs the migratable module, `stock`: it does not, `none`: its host takes no RoCE. Its host tells, or
   * the QP does, which is greeted: one whose host is up and that does not answer is `stock` too.
   */
  kind: 'roam' | 'stock' | 'none' | 'unknown';
  /** Name of its host, and the version of its module, where they are known. */
  host?: string;
  module?: string;
  /** Resume comes from the address that it knows (`ip` moves along), or from another one. */
  mode: 'same-address' | 'changed-address';
  /** Whether its host answers; see `Reach`. */
  fromSource?: Reach;
  fromDestination?: Reach;
}
