// The structs of native/include/roam_rxe.h and native/criu-plugin/image.h; names are those of the headers.
import type { Struct } from './layout.js';

/** Versions that this package reads. */
export const IMAGE_VERSION = 1;
export const DUMP_VERSION = 7;

export const CONTEXT_MAGIC = 0x58434d52;
export const DESCRIPTOR_MAGIC = 0x44464d52;
export const DUMP_MAGIC = 0x524d5852;

/** No handle. */
export const NONE = 0xffffffff;
/** A context that needs more handles is no image of ours. */
export const MAX_HANDLE = 1 << 20;

export const img_hdr = { magic: 'u32', version: 'u32', len: 'u64' } as const;

export const img_ctx = {
  hdr: img_hdr,
  context: 'u32',
  fd_floor: 'u32',
  uverbs: 32,
  dump_len: 'u64',
} as const;

export const img_fd = {
  hdr: img_hdr,
  context: 'u32',
  kind: 'u32',
  file_id: 'u64',
  number: 'i32',
  flags: 'u32',
} as const;

export const roam_rxe_dump_hdr = {
  magic: 'u32',
  version: 'u32',
  len: 'u64',
  count: 'u32',
  max_handle: 'u32',
  ib_name: 64,
  num_comp_vectors: 'u32',
  watch: 'u32',
} as const;

export const roam_rxe_rec = {
  type: 'u32',
  len: 'u32',
  handle: 'u32',
  reserved: 'u32',
  user_handle: 'u64',
} as const;

/** `enum roam_rxe_type`, of what a dump can hold. */
export const RECORD_TYPE = {
  PD: 2,
  COMP_CHANNEL: 3,
  ASYNC: 4,
  CQ: 5,
  MR: 6,
  QP: 7,
  AH: 8,
  SRQ: 9,
  MW: 10,
  MCAST: 11,
} as const;

export const roam_rxe_queue = {
  mmap_offset: 'u64',
  size: 'u64',
  buf_size: 'u64',
  index: 'u32',
  mapped: 'u32',
} as const;

export const roam_rxe_pd = { rec: roam_rxe_rec } as const;

export const roam_rxe_file = { rec: roam_rxe_rec, id: 'u64', event_count: 'u32', reserved: 'u32' } as const;

export const roam_rxe_event = { type: 'u32', handle: 'u32', port: 'u32', reserved: 'u32' } as const;

export const roam_rxe_cq = {
  rec: roam_rxe_rec,
  channel: 'u64',
  async: 'u64',
  cqe: 'u32',
  comp_vector: 'u32',
  notify: 'u32',
  comp_events_reported: 'u32',
  async_events_reported: 'u32',
  comp_events_pending: 'u32',
  q: roam_rxe_queue,
} as const;

export const roam_rxe_srq = {
  rec: roam_rxe_rec,
  srq_num: 'u32',
  pd_handle: 'u32',
  max_wr: 'u32',
  max_sge: 'u32',
  limit: 'u32',
  events_reported: 'u32',
  async: 'u64',
  q: roam_rxe_queue,
} as const;

export const roam_rxe_ah = {
  rec: roam_rxe_rec,
  ah_num: 'u32',
  pd_handle: 'u32',
  port_num: 'u32',
  flow_label: 'u32',
  sgid_index: 'u32',
  hop_limit: 'u32',
  traffic_class: 'u32',
  reserved: 'u32',
  dgid: 16,
  sgid: 16,
} as const;

export const roam_rxe_mw = {
  rec: roam_rxe_rec,
  pd_handle: 'u32',
  mw_type: 'u32',
  rkey: 'u32',
  state: 'u32',
  access: 'u32',
  mr_lkey: 'u32',
  qpn: 'u32',
  reserved: 'u32',
  addr: 'u64',
  length: 'u64',
} as const;

/** `rec.handle` is that of the QP. */
export const roam_rxe_mcast = { rec: roam_rxe_rec, gid: 16, lid: 'u32', reserved: 'u32' } as const;

export const roam_rxe_mr = {
  rec: roam_rxe_rec,
  pd_handle: 'u32',
  access: 'u32',
  start: 'u64',
  length: 'u64',
  iova: 'u64',
  lkey: 'u32',
  rkey: 'u32',
  state: 'u32',
  reserved: 'u32',
} as const;

/** Only its size is of interest. */
export const roam_rxe_res = {
  type: 'u32',
  replay: 'u32',
  first_psn: 'u32',
  last_psn: 'u32',
  cur_psn: 'u32',
  state: 'u32',
  va_org: 'u64',
  va: 'u64',
  rkey: 'u32',
  length: 'u32',
  resid: 'u32',
  flush_type: 'u8',
  flush_level: 'u8',
  reserved: 2,
} as const;

export type QueueStruct = Struct<typeof roam_rxe_queue>;
