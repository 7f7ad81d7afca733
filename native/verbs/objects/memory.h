#ifndef ROAM_VERBS_OBJECTS_MEMORY_H
#define ROAM_VERBS_OBJECTS_MEMORY_H

#include <napi.h>

namespace roam {

//   pagesMap(length, huge) -> Pages with `buffer`, an ArrayBuffer over them
//   pagesFree(pages)                  detaches the buffer; the memory goes with the last MR over it.  Does
//                                     nothing when the buffer was transferred: whoever has it keeps the memory
//   pdAlloc(context) -> Pd
//   mrRegister(pd, pages, {offset, length, access, iova?}) -> Mr with lkey, rkey, address (bigint)
//   mrRereg(mr, {pd?, access?, pages?, offset?, length?})    ibv_rereg_mr(3); keys may change
//   mrAdvise(pd, advice, flags, Array<{mr, offset, length}>)   ibv_advise_mr(3)
//   mwAlloc(pd, type) -> Mw with rkey;  mwRkey(mw) -> number
//   ahCreate(pd, {port, dlid, sl, ...}) -> Ah
//   xrcdOpen(context, {fd?, flags}) -> Xrcd
//   objectDestroy(any of these, CQ, channel, SRQ, QP)        EBUSY while something uses it
void DefineMemory(Napi::Env env, Napi::Object exports);

}  // namespace roam

#endif
