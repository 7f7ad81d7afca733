import { loadAddon } from '../native.js';
import { verbsCall } from '../verbs/addon.js';
import type { NativeQpTarget } from '../verbs/native-objects.js';

export interface NativeCmEvent {
  type: number;
  /** 0, a negative errno, or the reason of a rejection. */
  status: number;
  id: number;
  /** Of a connection request: the identifier that listens. `id` is the request's own. */
  listener?: number;
  privateData: Buffer;
  /** Not of datagrams. */
  responderResources: number;
  initiatorDepth: number;
  /** The peer's. */
  qpn: number;
  /** Of datagrams, in the answer: what the peer's QP takes, and where it is. */
  qkey?: number;
  address?: NativeQpTarget['address'];
}

/** An IP address with a port of rdma_cm. */
export interface CmAddress {
  address: string;
  port: number;
}

/** Where a connection goes, as far as it is known. */
export interface CmRoute {
  /** RDMA device, such as `rxe0`. */
  device?: string;
  /** Port of the device, from 1. */
  port: number;
  local?: CmAddress;
  remote?: CmAddress;
}

export interface NativeParameters {
  qpn: number;
  srq: boolean;
  privateData?: Uint8Array;
  responderResources: number;
  initiatorDepth: number;
  retryCount: number;
  rnrRetry: number;
}

/** native/rdmacm: identifiers are numbers. */
export interface RdmaCmAddon {
  open(): number;
  close(): void;
  event(): NativeCmEvent | undefined;
  /** @param datagrams of RDMA_PS_UDP */
  create(datagrams: boolean): number;
  destroy(id: number): void;
  resolveAddress(id: number, address: string, port: number, timeout: number): void;
  resolveRoute(id: number, timeout: number): void;
  bind(id: number, address: string, port: number): void;
  listen(id: number, backlog: number): void;
  route(id: number): CmRoute;
  qpAttributes(id: number, state: number): NativeQpTarget;
  connect(id: number, parameters: NativeParameters): void;
  accept(id: number, parameters: NativeParameters): void;
  establish(id: number): void;
  reject(id: number, privateData?: Uint8Array): void;
  disconnect(id: number): void;
}

let loaded: RdmaCmAddon | undefined;

/** Calls librdmacm; `what` says for whom. @throws {VerbsError} with the errno and the name of its function */
export function rdmacm<T>(what: string, call: (addon: RdmaCmAddon) => T): T {
  loaded ??= loadAddon<RdmaCmAddon>('roam_rdmacm');
  const addon = loaded;
  return verbsCall(what, () => call(addon));
}
