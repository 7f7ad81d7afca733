// What the records of a dump say of each other must hold, as in the plugin's index of handles.
import { type ContextImage, hasHandle, type ImageFile } from './dump.js';
import { ImageError } from './image-error.js';
import { type Layout, readStruct, sizeOf } from './layout.js';
import { roam_rxe_qp } from './layout-qp.js';
import {
  NONE,
  RECORD_TYPE,
  roam_rxe_ah,
  roam_rxe_event,
  roam_rxe_file,
  roam_rxe_mr,
  roam_rxe_mw,
  roam_rxe_srq,
} from './layouts.js';

const { PD, CQ, QP, SRQ, ASYNC } = RECORD_TYPE;

/** What names a PD and no other handle: a window tells its MR and QP by their numbers. */
const IN_A_PD = new Map<number, { words: string; layout: Layout & { pd_handle: 'u32' } }>([
  [RECORD_TYPE.MR, { words: 'an MR', layout: roam_rxe_mr }],
  [RECORD_TYPE.MW, { words: 'an MW', layout: roam_rxe_mw }],
  [RECORD_TYPE.AH, { words: 'an AH', layout: roam_rxe_ah }],
  [RECORD_TYPE.SRQ, { words: 'an SRQ', layout: roam_rxe_srq }],
]);

/** @throws ImageError for two objects with one handle, and for a PD, CQ, SRQ or QP that is named and is not there */
export function checkReferences({ path, bytes }: ImageFile, { records }: ContextImage): void {
  const types = new Map<number, number>();
  for (const { offset, rec } of records) {
    if (!hasHandle(rec)) continue;
    if (types.has(rec.handle))
      throw new ImageError(path, `two objects have handle ${rec.handle}`, { offset });
    types.set(rec.handle, rec.type);
  }
  const demand = (offset: number, words: string, handle: number, ...wanted: number[]) => {
    if (!wanted.includes(types.get(handle) ?? 0))
      throw new ImageError(path, `${words} with handle ${handle}, which is not in it`, { offset });
  };
  for (const { offset, rec } of records) {
    const part = IN_A_PD.get(rec.type);
    if (part)
      demand(offset, `${part.words} names a PD`, readStruct(part.layout, bytes, offset).pd_handle, PD);
    if (rec.type === QP) {
      const qp = readStruct(roam_rxe_qp, bytes, offset);
      demand(offset, 'a QP names a PD', qp.pd_handle, PD);
      demand(offset, 'a QP names a CQ', qp.send_cq, CQ);
      demand(offset, 'a QP names a CQ', qp.recv_cq, CQ);
      if (qp.srq !== NONE) demand(offset, 'a QP names an SRQ', qp.srq, SRQ);
    }
    if (rec.type === RECORD_TYPE.MCAST) demand(offset, 'a multicast attachment names a QP', rec.handle, QP);
    if (rec.type !== ASYNC) continue;
    const { event_count: count } = readStruct(roam_rxe_file, bytes, offset);
    for (let i = 0; i < count; i++) {
      const at = offset + sizeOf(roam_rxe_file) + i * sizeOf(roam_rxe_event);
      const { handle } = readStruct(roam_rxe_event, bytes, at);
      if (handle !== NONE) demand(at, 'an unread event names an object', handle, QP, CQ, SRQ);
    }
  }
}
