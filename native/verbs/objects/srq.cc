#include <errno.h>
#include <infiniband/verbs.h>

#include "../../util/system_error.h"
#include "fields.h"
#include "handle.h"
#include "post.h"
#include "round.h"
#include "qp.h"

namespace roam {
namespace {

Napi::Value SrqCreate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto pd = Use<PdResource>(env, info[0]);
  Fields fields(env, info[1]);
  auto srq = std::make_shared<SrqResource>(pd);
  srq->xrcd = UseOptional<XrcdResource>(env, fields.Get("xrcd"));
  srq->cq = UseOptional<CqResource>(env, fields.Get("cq"));
  if ((srq->xrcd && srq->xrcd->Context() != pd->Context()) || (srq->cq && srq->cq->Context() != pd->Context()))
    throw Napi::TypeError::New(env, "the XRCD or the CQ belongs to another context");
  if (srq->xrcd && !srq->cq) throw Napi::TypeError::New(env, "an SRQ of an XRCD needs a CQ");

  ibv_srq_init_attr_ex attr = {};
  attr.srq_context = reinterpret_cast<void *>(static_cast<uintptr_t>(srq->Id()));
  attr.attr.max_wr = fields.Number<uint32_t>("maxWr");
  attr.attr.max_sge = fields.Number<uint32_t>("maxSge");
  attr.attr.srq_limit = fields.Number<uint32_t>("limit");
  attr.comp_mask = IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD;
  attr.srq_type = srq->xrcd ? IBV_SRQT_XRC : IBV_SRQT_BASIC;
  attr.pd = pd->pd;
  if (srq->xrcd) {
    attr.comp_mask |= IBV_SRQ_INIT_ATTR_XRCD | IBV_SRQ_INIT_ATTR_CQ;
    attr.xrcd = srq->xrcd->xrcd;
    attr.cq = srq->cq->cq;
  }
  srq->srq = ibv_create_srq_ex(pd->Context()->Get(), &attr);
  if (srq->srq == nullptr) throw SystemError(env, "ibv_create_srq", errno);
  // From here on a failure must not leave an SRQ behind.
  pd->Context()->Adopt(srq);
  try {
    srq->receives = std::make_unique<WorkQueue>(pd->Context(), attr.attr.max_wr, attr.attr.max_sge, false, true);
  } catch (...) {
    srq->Destroy();
    throw;
  }

  Napi::Object handle = Adopt(env, srq);
  handle.Set("maxWr", attr.attr.max_wr);
  handle.Set("maxSge", attr.attr.max_sge);
  uint32_t number = 0;
  if (srq->xrcd && ibv_get_srq_num(srq->srq, &number) == 0) handle.Set("number", number);
  SetPostMethods(env, handle, srq);
  SetRoundMethods(env, handle, srq);
  return handle;
}

void SrqModify(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto srq = Use<SrqResource>(env, info[0]);
  Fields fields(env, info[1]);
  ibv_srq_attr attr = {};
  int mask = 0;
  if (fields.Has("maxWr")) {
    attr.max_wr = fields.Number<uint32_t>("maxWr");
    mask |= IBV_SRQ_MAX_WR;
  }
  if (fields.Has("limit")) {
    attr.srq_limit = fields.Number<uint32_t>("limit");
    mask |= IBV_SRQ_LIMIT;
  }
  int err = ibv_modify_srq(srq->srq, &attr, mask);
  if (err != 0) throw SystemError(env, "ibv_modify_srq", err);
  if ((mask & IBV_SRQ_MAX_WR) == 0) return;
  ibv_srq_attr now = {};
  if (ibv_query_srq(srq->srq, &now) == 0) srq->receives->Grow(now.max_wr);
}

Napi::Value SrqQuery(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto srq = Use<SrqResource>(env, info[0]);
  ibv_srq_attr attr = {};
  int err = ibv_query_srq(srq->srq, &attr);
  if (err != 0) throw SystemError(env, "ibv_query_srq", err);
  Napi::Object object = Napi::Object::New(env);
  object.Set("maxWr", attr.max_wr);
  object.Set("maxSge", attr.max_sge);
  object.Set("limit", attr.srq_limit);
  return object;
}

}  // namespace

void DefineSrq(Napi::Env env, Napi::Object exports) {
  exports.Set("srqCreate", Napi::Function::New<SrqCreate>(env, "srqCreate"));
  exports.Set("srqModify", Napi::Function::New<SrqModify>(env, "srqModify"));
  exports.Set("srqQuery", Napi::Function::New<SrqQuery>(env, "srqQuery"));
}

}  // namespace roam
