#ifndef ROAM_VERBS_OBJECTS_ADDRESS_H
#define ROAM_VERBS_OBJECTS_ADDRESS_H

#include <infiniband/verbs.h>

#include <cstring>

#include "fields.h"

namespace roam {

// {port, dlid?, sl?, staticRate?, srcPathBits?, dgid?: Uint8Array(16), sgidIndex?, hopLimit?,
// trafficClass?, flowLabel?}: with dgid a global one, as RoCE needs.
inline ibv_ah_attr AddressOf(Napi::Env env, Napi::Value value) {
  Fields fields(env, value);
  ibv_ah_attr attr = {};
  attr.dlid = fields.Number<uint16_t>("dlid");
  attr.sl = fields.Number<uint8_t>("sl");
  attr.src_path_bits = fields.Number<uint8_t>("srcPathBits");
  attr.static_rate = fields.Number<uint8_t>("staticRate");
  attr.port_num = fields.Number<uint8_t>("port");
  if (fields.Bytes("dgid", attr.grh.dgid.raw, sizeof attr.grh.dgid.raw)) {
    attr.is_global = 1;
    attr.grh.sgid_index = fields.Number<uint8_t>("sgidIndex");
    attr.grh.hop_limit = fields.Number<uint8_t>("hopLimit");
    attr.grh.traffic_class = fields.Number<uint8_t>("trafficClass");
    attr.grh.flow_label = fields.Number<uint32_t>("flowLabel");
  }
  return attr;
}

}  // namespace roam

#endif
