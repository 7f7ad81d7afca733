#include "qp.h"

#include <errno.h>
#include <infiniband/verbs.h>
#include <string.h>

#include <algorithm>

#include "../../util/system_error.h"
#include "fields.h"
#include "handle.h"
#include "post.h"
#include "round.h"
#include "qp_attributes.h"

namespace roam {
namespace {

template <typename T>
void SameContext(Napi::Env env, const std::shared_ptr<ContextResource> &context, const std::shared_ptr<T> &object) {
  if (object && object->Context() != context)
    throw Napi::TypeError::New(env, std::string("the ") + HandleTraits<T>::name + " belongs to another context");
}

ibv_qp_cap CapOf(Napi::Env env, Napi::Value value) {
  Fields fields(env, value);
  ibv_qp_cap cap = {};
  cap.max_send_wr = fields.Number<uint32_t>("maxSendWr");
  cap.max_recv_wr = fields.Number<uint32_t>("maxRecvWr");
  cap.max_send_sge = fields.Number<uint32_t>("maxSendSge");
  cap.max_recv_sge = fields.Number<uint32_t>("maxRecvSge");
  cap.max_inline_data = fields.Number<uint32_t>("maxInlineData");
  return cap;
}

Napi::Object CapObject(Napi::Env env, const ibv_qp_cap &cap) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("maxSendWr", cap.max_send_wr);
  object.Set("maxRecvWr", cap.max_recv_wr);
  object.Set("maxSendSge", cap.max_send_sge);
  object.Set("maxRecvSge", cap.max_recv_sge);
  object.Set("maxInlineData", cap.max_inline_data);
  return object;
}

Napi::Value QpCreate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  Fields fields(env, info[1]);
  auto qp = std::make_shared<QpResource>(context);
  qp->pd = UseOptional<PdResource>(env, fields.Get("pd"));
  qp->send_cq = UseOptional<CqResource>(env, fields.Get("sendCq"));
  qp->recv_cq = UseOptional<CqResource>(env, fields.Get("recvCq"));
  qp->srq = UseOptional<SrqResource>(env, fields.Get("srq"));
  qp->xrcd = UseOptional<XrcdResource>(env, fields.Get("xrcd"));
  SameContext(env, context, qp->pd);
  SameContext(env, context, qp->send_cq);
  SameContext(env, context, qp->recv_cq);
  SameContext(env, context, qp->srq);
  SameContext(env, context, qp->xrcd);

  ibv_qp_init_attr_ex attr = {};
  attr.qp_context = reinterpret_cast<void *>(static_cast<uintptr_t>(qp->Id()));
  attr.qp_type = static_cast<ibv_qp_type>(fields.Number<uint32_t>("type"));
  attr.cap = CapOf(env, fields.Get("cap"));
  attr.sq_sig_all = fields.Flag("sqSigAll") ? 1 : 0;
  if (qp->send_cq) attr.send_cq = qp->send_cq->cq;
  if (qp->recv_cq) attr.recv_cq = qp->recv_cq->cq;
  if (qp->srq) attr.srq = qp->srq->srq;
  if (qp->pd) {
    attr.pd = qp->pd->pd;
    attr.comp_mask |= IBV_QP_INIT_ATTR_PD;
  }
  if (qp->xrcd) {
    attr.xrcd = qp->xrcd->xrcd;
    attr.comp_mask |= IBV_QP_INIT_ATTR_XRCD;
  }
  // libibverbs does not look: it would follow the null pointers.
  bool xrc_target = attr.qp_type == IBV_QPT_XRC_RECV;
  if (xrc_target ? !qp->xrcd : !qp->pd || !qp->send_cq || (!qp->recv_cq && attr.qp_type != IBV_QPT_XRC_SEND))
    throw Napi::TypeError::New(env, xrc_target ? "an XRC target QP needs an XRCD" : "a QP needs a PD and two CQs");
  if (attr.cap.max_send_wr > INT32_MAX || attr.cap.max_recv_wr > INT32_MAX)
    throw Napi::RangeError::New(env, "cap: a queue that long cannot be");

  qp->qp = ibv_create_qp_ex(context->Get(), &attr);
  if (qp->qp == nullptr) throw SystemError(env, "ibv_create_qp", errno);
  qp->cap = attr.cap;
  // From here on a failure must not leave a QP behind.
  context->Adopt(qp);
  try {
    if (!xrc_target)
      qp->sends = std::make_unique<WorkQueue>(context, attr.cap.max_send_wr, attr.cap.max_send_sge, true, false);
    if (!xrc_target && !qp->srq && attr.qp_type != IBV_QPT_XRC_SEND)
      qp->receives = std::make_unique<WorkQueue>(context, attr.cap.max_recv_wr, attr.cap.max_recv_sge, true, true);
  } catch (...) {
    qp->Destroy();
    throw;
  }
  Napi::Object handle = Adopt(env, qp);
  handle.Set("qpn", qp->qp->qp_num);
  handle.Set("handle", qp->qp->handle);
  handle.Set("cap", CapObject(env, attr.cap));
  SetPostMethods(env, handle, qp);
  SetRoundMethods(env, handle, qp);
  return handle;
}

void QpModify(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto qp = Use<QpResource>(env, info[0]);
  ibv_qp_attr attr = {};
  int mask = QpAttributesOf(env, info[1], &attr);
  int err = ibv_modify_qp(qp->qp, &attr, mask);
  if (err != 0) throw SystemError(env, "ibv_modify_qp", err, "QP " + std::to_string(qp->qp->qp_num));
  // What was posted is gone without a completion.
  if ((mask & IBV_QP_STATE) != 0 && attr.qp_state == IBV_QPS_RESET) {
    for (WorkQueue *queue : {qp->sends.get(), qp->receives.get()}) {
      if (queue == nullptr) continue;
      queue->Abandon();
      queue->Renumber();
    }
  }
}

Napi::Value QpQuery(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto qp = Use<QpResource>(env, info[0]);
  ibv_qp_attr attr = {};
  ibv_qp_init_attr init = {};
  int mask = IBV_QP_STATE | IBV_QP_CUR_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY |
             IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_RQ_PSN |
             IBV_QP_MAX_QP_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER | IBV_QP_SQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
             IBV_QP_PATH_MIG_STATE | IBV_QP_CAP | IBV_QP_DEST_QPN;
  int err = ibv_query_qp(qp->qp, &attr, mask, &init);
  if (err != 0) throw SystemError(env, "ibv_query_qp", err, "QP " + std::to_string(qp->qp->qp_num));
  Napi::Object object = QpAttributesObject(env, attr, ~0);
  object.Set("sqDraining", attr.sq_draining != 0);
  object.Set("cap", CapObject(env, attr.cap));
  object.Set("sqSigAll", init.sq_sig_all != 0);
  return object;
}

ibv_gid GidOf(const Napi::CallbackInfo &info, size_t index) {
  ibv_gid gid = {};
  Napi::Object holder = Napi::Object::New(info.Env());
  holder.Set("gid", info[index]);
  if (!Fields(info.Env(), holder).Bytes("gid", gid.raw, sizeof gid.raw))
    throw Napi::TypeError::New(info.Env(), "gid must be a Uint8Array of 16 bytes");
  return gid;
}

uint16_t LidOf(const Napi::CallbackInfo &info) {
  return static_cast<uint16_t>(IntegerArgument(info, 2, "lid", 0, UINT16_MAX));
}

auto FindGroup(QpResource &qp, const ibv_gid &gid, uint16_t lid) {
  return std::find_if(qp.groups.begin(), qp.groups.end(), [&](const auto &group) {
    return memcmp(group.first.raw, gid.raw, sizeof gid.raw) == 0 && group.second == lid;
  });
}

void QpAttachMcast(const Napi::CallbackInfo &info) {
  auto qp = Use<QpResource>(info.Env(), info[0]);
  ibv_gid gid = GidOf(info, 1);
  uint16_t lid = LidOf(info);
  int err = ibv_attach_mcast(qp->qp, &gid, lid);
  if (err != 0) throw SystemError(info.Env(), "ibv_attach_mcast", err);
  // Attaching again changes nothing, and one detach ends it.
  if (FindGroup(*qp, gid, lid) == qp->groups.end()) qp->groups.emplace_back(gid, lid);
}

void QpDetachMcast(const Napi::CallbackInfo &info) {
  auto qp = Use<QpResource>(info.Env(), info[0]);
  ibv_gid gid = GidOf(info, 1);
  uint16_t lid = LidOf(info);
  int err = ibv_detach_mcast(qp->qp, &gid, lid);
  if (err != 0) throw SystemError(info.Env(), "ibv_detach_mcast", err);
  auto group = FindGroup(*qp, gid, lid);
  if (group != qp->groups.end()) qp->groups.erase(group);
}

Napi::Value QpInFlight(const Napi::CallbackInfo &info) {
  auto qp = Use<QpResource>(info.Env(), info[0]);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("send", static_cast<double>(qp->sends ? qp->sends->Expected() : 0));
  object.Set("receive", static_cast<double>(qp->receives ? qp->receives->InFlight() : 0));
  return object;
}

}  // namespace

void DefineQp(Napi::Env env, Napi::Object exports) {
  exports.Set("qpCreate", Napi::Function::New<QpCreate>(env, "qpCreate"));
  exports.Set("qpModify", Napi::Function::New<QpModify>(env, "qpModify"));
  exports.Set("qpQuery", Napi::Function::New<QpQuery>(env, "qpQuery"));
  exports.Set("qpAttachMcast", Napi::Function::New<QpAttachMcast>(env, "qpAttachMcast"));
  exports.Set("qpDetachMcast", Napi::Function::New<QpDetachMcast>(env, "qpDetachMcast"));
  exports.Set("qpInFlight", Napi::Function::New<QpInFlight>(env, "qpInFlight"));
}

}  // namespace roam
