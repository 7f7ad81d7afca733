#include "qp_attributes.h"

#include <string>

#include "../gid_text.h"
#include "../ports.h"
#include "address.h"
#include "fields.h"

namespace roam {
namespace {

// Bytes to the verbs' enumeration of path MTUs.
ibv_mtu MtuOf(Napi::Env env, uint32_t bytes) {
  switch (bytes) {
    case 256:
      return IBV_MTU_256;
    case 512:
      return IBV_MTU_512;
    case 1024:
      return IBV_MTU_1024;
    case 2048:
      return IBV_MTU_2048;
    case 4096:
      return IBV_MTU_4096;
    default:
      throw Napi::RangeError::New(env, "pathMtu must be 256, 512, 1024, 2048 or 4096 bytes, not " + std::to_string(bytes));
  }
}

Napi::Object AddressObject(Napi::Env env, const ibv_ah_attr &attr) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("port", attr.port_num);
  object.Set("dlid", attr.dlid);
  object.Set("sl", attr.sl);
  object.Set("staticRate", attr.static_rate);
  object.Set("srcPathBits", attr.src_path_bits);
  if (attr.is_global) {
    object.Set("dgid", GidText(attr.grh.dgid.raw));
    object.Set("sgidIndex", attr.grh.sgid_index);
    object.Set("hopLimit", attr.grh.hop_limit);
    object.Set("trafficClass", attr.grh.traffic_class);
    object.Set("flowLabel", attr.grh.flow_label);
  }
  return object;
}

}  // namespace

int QpAttributesOf(Napi::Env env, Napi::Value value, ibv_qp_attr *attr) {
  Fields fields(env, value);
  int mask = 0;
  auto number = [&](const char *name, int bit, auto *to) {
    if (!fields.Has(name)) return;
    *to = fields.Number<std::remove_reference_t<decltype(*to)>>(name);
    mask |= bit;
  };
  uint32_t word = 0;
  auto has = [&](const char *name, int bit) {
    if (!fields.Has(name)) return false;
    word = fields.Number<uint32_t>(name);
    mask |= bit;
    return true;
  };

  if (has("state", IBV_QP_STATE)) attr->qp_state = static_cast<ibv_qp_state>(word);
  if (has("currentState", IBV_QP_CUR_STATE)) attr->cur_qp_state = static_cast<ibv_qp_state>(word);
  if (has("pathMtu", IBV_QP_PATH_MTU)) attr->path_mtu = MtuOf(env, word);
  if (has("pathMigState", IBV_QP_PATH_MIG_STATE)) attr->path_mig_state = static_cast<ibv_mig_state>(word);
  if (has("access", IBV_QP_ACCESS_FLAGS)) attr->qp_access_flags = word;
  if (fields.Has("notifySqDrained")) {
    attr->en_sqd_async_notify = fields.Flag("notifySqDrained") ? 1 : 0;
    mask |= IBV_QP_EN_SQD_ASYNC_NOTIFY;
  }
  number("pkeyIndex", IBV_QP_PKEY_INDEX, &attr->pkey_index);
  number("port", IBV_QP_PORT, &attr->port_num);
  number("qkey", IBV_QP_QKEY, &attr->qkey);
  number("rqPsn", IBV_QP_RQ_PSN, &attr->rq_psn);
  number("sqPsn", IBV_QP_SQ_PSN, &attr->sq_psn);
  number("destQpn", IBV_QP_DEST_QPN, &attr->dest_qp_num);
  number("maxRdAtomic", IBV_QP_MAX_QP_RD_ATOMIC, &attr->max_rd_atomic);
  number("maxDestRdAtomic", IBV_QP_MAX_DEST_RD_ATOMIC, &attr->max_dest_rd_atomic);
  number("minRnrTimer", IBV_QP_MIN_RNR_TIMER, &attr->min_rnr_timer);
  number("timeout", IBV_QP_TIMEOUT, &attr->timeout);
  number("retryCount", IBV_QP_RETRY_CNT, &attr->retry_cnt);
  number("rnrRetry", IBV_QP_RNR_RETRY, &attr->rnr_retry);
  if (fields.Has("address")) {
    attr->ah_attr = AddressOf(env, fields.Get("address"));
    mask |= IBV_QP_AV;
  }
  return mask;
}

Napi::Object QpAttributesObject(Napi::Env env, const ibv_qp_attr &attr, int mask) {
  Napi::Object object = Napi::Object::New(env);
  auto set = [&](const char *name, int bit, uint32_t value) {
    if (mask & bit) object.Set(name, value);
  };
  set("state", IBV_QP_STATE, attr.qp_state);
  set("currentState", IBV_QP_CUR_STATE, attr.cur_qp_state);
  set("pathMtu", IBV_QP_PATH_MTU, MtuBytes(attr.path_mtu));
  set("pathMigState", IBV_QP_PATH_MIG_STATE, attr.path_mig_state);
  set("access", IBV_QP_ACCESS_FLAGS, attr.qp_access_flags);
  set("pkeyIndex", IBV_QP_PKEY_INDEX, attr.pkey_index);
  set("port", IBV_QP_PORT, attr.port_num);
  set("qkey", IBV_QP_QKEY, attr.qkey);
  set("rqPsn", IBV_QP_RQ_PSN, attr.rq_psn);
  set("sqPsn", IBV_QP_SQ_PSN, attr.sq_psn);
  set("destQpn", IBV_QP_DEST_QPN, attr.dest_qp_num);
  set("maxRdAtomic", IBV_QP_MAX_QP_RD_ATOMIC, attr.max_rd_atomic);
  set("maxDestRdAtomic", IBV_QP_MAX_DEST_RD_ATOMIC, attr.max_dest_rd_atomic);
  set("minRnrTimer", IBV_QP_MIN_RNR_TIMER, attr.min_rnr_timer);
  set("timeout", IBV_QP_TIMEOUT, attr.timeout);
  set("retryCount", IBV_QP_RETRY_CNT, attr.retry_cnt);
  set("rnrRetry", IBV_QP_RNR_RETRY, attr.rnr_retry);
  if (mask & IBV_QP_AV) object.Set("address", AddressObject(env, attr.ah_attr));
  return object;
}

}  // namespace roam
