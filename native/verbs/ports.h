#ifndef ROAM_VERBS_PORTS_H
#define ROAM_VERBS_PORTS_H

#include <infiniband/verbs.h>
#include <napi.h>

namespace roam {

// Path MTU in bytes: the enumeration counts powers of two from IBV_MTU_256 = 1.
inline uint32_t MtuBytes(ibv_mtu mtu) { return mtu >= IBV_MTU_256 && mtu <= IBV_MTU_4096 ? 128u << mtu : 0; }

// {port, state, mtu, maxMtu, linkLayer, lid, maxMessageSize, gidTableLength, pkeyTableLength}, MTUs in
// bytes.  System errors of ibv_query_port(3).
Napi::Object PortObject(Napi::Env env, ibv_context *context, uint32_t number);

// Array<{index, port, gid, type, netdev?}> of all ports.
Napi::Array GidObjects(Napi::Env env, ibv_context *context, uint32_t ports);

}  // namespace roam

#endif
