#ifndef ROAM_VERBS_DEVICES_H
#define ROAM_VERBS_DEVICES_H

#include <napi.h>

namespace roam {

// listDevices() -> Array<{name, uverbs, ports: Array<{port, state, mtu, linkLayer}>, gids: Array<{index,
// port, gid, type, netdev?}>, problem?}>: what libibverbs knows of this host's RDMA devices.
Napi::Value ListDevices(const Napi::CallbackInfo &info);

}  // namespace roam

#endif
