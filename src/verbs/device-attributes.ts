/** Limits and abilities of a device, `ibv_device_attr` of ibv_query_device(3). */
export interface DeviceAttributes {
  /** Version of its firmware, empty for a software device. */
  firmware: string;
  nodeGuid: bigint;
  systemImageGuid: bigint;
  /** Bytes. */
  maxMrSize: bigint;
  /** Bit n: pages of 2^n bytes. */
  pageSizeCap: bigint;
  vendorId: number;
  vendorPartId: number;
  hwVersion: number;
  /** `ibv_device_cap_flags`. */
  capFlags: number;
  maxQp: number;
  maxQpWr: number;
  maxSge: number;
  maxSgeRd: number;
  maxCq: number;
  maxCqe: number;
  maxMr: number;
  maxPd: number;
  /** READs and atomics outstanding at a QP as responder, as requester, and at all. */
  maxQpRdAtom: number;
  maxQpInitRdAtom: number;
  maxResRdAtom: number;
  /** `ibv_atomic_cap`: 0 none, 1 among QPs of the device, 2 also with the processor. */
  atomicCap: number;
  maxMw: number;
  maxMcastGrp: number;
  maxMcastQpAttach: number;
  maxAh: number;
  maxSrq: number;
  maxSrqWr: number;
  maxSrqSge: number;
  maxPkeys: number;
  ports: number;
  onDemandPaging: boolean;
}
