#ifndef ROAM_VERBS_PORTS_H
#define ROAM_VERBS_PORTS_H

#include <infiniband/verbs.h>
#include <napi.h>

namespace roam {

// {port, state, mtu, maxMtu, linkLayer, lid, maxMessageSize, gidTableLength, pkeyTableLength}, MTUs in
// bytes.  System errors of ibv_query_port(3).
Napi::Object PortObject(Napi::Env env, ibv_context *context, uint32_t number);

// Array<{index, port, gid, type, netdev?}> of all ports.
Napi::Array GidObjects(Napi::Env env, ibv_context *context, uint32_t ports);

}  // namespace roam

#endif
