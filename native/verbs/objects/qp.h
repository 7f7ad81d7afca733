#ifndef ROAM_VERBS_OBJECTS_QP_H
#define ROAM_VERBS_OBJECTS_QP_H

#include <napi.h>

namespace roam {

//   qpCreate(context, {pd?, type, sendCq?, recvCq?, srq?, xrcd?, sqSigAll, cap: {maxSendWr, maxRecvWr,
//            maxSendSge, maxRecvSge, maxInlineData}}) -> Qp with qpn and cap
//   qpModify(qp, attributes)          which attributes there are makes the mask; ibv_modify_qp(3)
//   qpQuery(qp) -> attributes         all that verbs knows of it; ibv_query_qp(3)
//   qpAttachMcast(qp, gid, lid), qpDetachMcast(qp, gid, lid)
//   qpInFlight(qp) -> {send, receive} work requests of which a completion is still to come
//   srqCreate(pd, {maxWr, maxSge, limit, xrcd?, cq?}) -> Srq with maxWr, maxSge, number? (XRC)
//   srqModify(srq, {maxWr?, limit?}), srqQuery(srq) -> {maxWr, maxSge, limit}
void DefineQp(Napi::Env env, Napi::Object exports);
void DefineSrq(Napi::Env env, Napi::Object exports);

}  // namespace roam

#endif
