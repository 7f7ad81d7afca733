#ifndef ROAM_VERBS_OBJECTS_QP_ATTRIBUTES_H
#define ROAM_VERBS_OBJECTS_QP_ATTRIBUTES_H

#include <infiniband/verbs.h>
#include <napi.h>

namespace roam {

// Fills `attr` from the properties that `value` has, and tells which they are as an ibv_qp_attr_mask.
int QpAttributesOf(Napi::Env env, Napi::Value value, ibv_qp_attr *attr);

// The properties that an ibv_qp_attr_mask names.
Napi::Object QpAttributesObject(Napi::Env env, const ibv_qp_attr &attr, int mask);

}  // namespace roam

#endif
