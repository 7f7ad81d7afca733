#include "ports.h"

#include <errno.h>
#include <net/if.h>

#include <string>
#include <vector>

#include "../util/system_error.h"
#include "gid_text.h"

namespace roam {
namespace {

std::string GidType(uint32_t type) {
  switch (type) {
    case IBV_GID_TYPE_IB:
      return "IB";
    case IBV_GID_TYPE_ROCE_V1:
      return "RoCE v1";
    case IBV_GID_TYPE_ROCE_V2:
      return "RoCE v2";
    default:
      return "UNKNOWN(" + std::to_string(type) + ")";
  }
}

std::string PortState(ibv_port_state state) {
  switch (state) {
    case IBV_PORT_NOP:
      return "NOP";
    case IBV_PORT_DOWN:
      return "DOWN";
    case IBV_PORT_INIT:
      return "INIT";
    case IBV_PORT_ARMED:
      return "ARMED";
    case IBV_PORT_ACTIVE:
      return "ACTIVE";
    case IBV_PORT_ACTIVE_DEFER:
      return "ACTIVE_DEFER";
    default:
      return "UNKNOWN(" + std::to_string(state) + ")";
  }
}

std::string LinkLayer(uint8_t layer) {
  switch (layer) {
    case IBV_LINK_LAYER_ETHERNET:
      return "Ethernet";
    case IBV_LINK_LAYER_INFINIBAND:
      return "InfiniBand";
    default:
      return "unspecified";
  }
}

size_t GidRoom(ibv_context *context, uint32_t ports) {
  size_t room = 0;
  for (uint32_t number = 1; number <= ports; number++) {
    ibv_port_attr attr = {};
    if (ibv_query_port(context, static_cast<uint8_t>(number), &attr) == 0) room += static_cast<size_t>(attr.gid_tbl_len);
  }
  return room;
}

}  // namespace

Napi::Object PortObject(Napi::Env env, ibv_context *context, uint32_t number) {
  ibv_port_attr attr = {};
  int err = ibv_query_port(context, static_cast<uint8_t>(number), &attr);
  if (err != 0) throw SystemError(env, "ibv_query_port", err, "port " + std::to_string(number));
  Napi::Object port = Napi::Object::New(env);
  port.Set("port", number);
  port.Set("state", PortState(attr.state));
  port.Set("mtu", MtuBytes(attr.active_mtu));
  port.Set("maxMtu", MtuBytes(attr.max_mtu));
  port.Set("linkLayer", LinkLayer(attr.link_layer));
  port.Set("lid", attr.lid);
  port.Set("maxMessageSize", static_cast<double>(attr.max_msg_sz));
  port.Set("gidTableLength", attr.gid_tbl_len);
  port.Set("pkeyTableLength", attr.pkey_tbl_len);
  return port;
}

Napi::Array GidObjects(Napi::Env env, ibv_context *context, uint32_t ports) {
  std::vector<ibv_gid_entry> entries(GidRoom(context, ports));
  if (entries.empty()) return Napi::Array::New(env);
  ssize_t count = ibv_query_gid_table(context, entries.data(), entries.size(), 0);
  if (count < 0) throw SystemError(env, "ibv_query_gid_table", static_cast<int>(-count));
  Napi::Array gids = Napi::Array::New(env);
  for (ssize_t i = 0; i < count; i++) {
    const ibv_gid_entry &entry = entries[static_cast<size_t>(i)];
    Napi::Object gid = Napi::Object::New(env);
    gid.Set("index", entry.gid_index);
    gid.Set("port", entry.port_num);
    gid.Set("gid", GidText(entry.gid.raw));
    gid.Set("type", GidType(entry.gid_type));
    char netdev[IF_NAMESIZE];
    if (entry.ndev_ifindex != 0 && if_indextoname(entry.ndev_ifindex, netdev) != nullptr)
      gid.Set("netdev", std::string(netdev));
    gids.Set(gids.Length(), gid);
  }
  return gids;
}

}  // namespace roam
