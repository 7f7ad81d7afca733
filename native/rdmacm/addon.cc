#include <errno.h>
#include <napi.h>
#include <rdma/rdma_cma.h>

#include <limits>
#include <string>

#include "../util/arguments.h"
#include "../util/system_error.h"
#include "../verbs/objects/fields.h"
#include "../verbs/objects/qp_attributes.h"
#include "cm_channel.h"
#include "socket_address.h"

namespace roam {

// librdmacm for one environment.  Every method takes the number of an identifier first.
class RdmaCmAddon : public Napi::Addon<RdmaCmAddon> {
 public:
  RdmaCmAddon(Napi::Env, Napi::Object exports) {
    DefineAddon(exports, {
                             InstanceMethod<&RdmaCmAddon::Open>("open"),
                             InstanceMethod<&RdmaCmAddon::Close>("close"),
                             InstanceMethod<&RdmaCmAddon::Event>("event"),
                             InstanceMethod<&RdmaCmAddon::Create>("create"),
                             InstanceMethod<&RdmaCmAddon::Destroy>("destroy"),
                             InstanceMethod<&RdmaCmAddon::ResolveAddress>("resolveAddress"),
                             InstanceMethod<&RdmaCmAddon::ResolveRoute>("resolveRoute"),
                             InstanceMethod<&RdmaCmAddon::Bind>("bind"),
                             InstanceMethod<&RdmaCmAddon::Listen>("listen"),
                             InstanceMethod<&RdmaCmAddon::Route>("route"),
                             InstanceMethod<&RdmaCmAddon::QpAttributes>("qpAttributes"),
                             InstanceMethod<&RdmaCmAddon::Connect>("connect"),
                             InstanceMethod<&RdmaCmAddon::Accept>("accept"),
                             InstanceMethod<&RdmaCmAddon::Establish>("establish"),
                             InstanceMethod<&RdmaCmAddon::Reject>("reject"),
                             InstanceMethod<&RdmaCmAddon::Disconnect>("disconnect"),
                         });
  }

 private:
  static uint32_t Number(const Napi::CallbackInfo &info) {
    return static_cast<uint32_t>(IntegerArgument(info, 0, "id", 1, std::numeric_limits<uint32_t>::max()));
  }

  rdma_cm_id *Id(const Napi::CallbackInfo &info) { return channel_.Find(info.Env(), Number(info)); }

  static void Check(Napi::Env env, const char *call, int result) {
    if (result != 0) throw SystemError(env, call, errno);
  }

  static uint16_t PortArgument(const Napi::CallbackInfo &info, size_t index) {
    return static_cast<uint16_t>(IntegerArgument(info, index, "port", 0, 65535));
  }

  Napi::Value Open(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), channel_.Open(info.Env())); }
  void Close(const Napi::CallbackInfo &) { channel_.Close(); }
  Napi::Value Event(const Napi::CallbackInfo &info) { return channel_.Event(info.Env()); }
  Napi::Value Create(const Napi::CallbackInfo &info) {
    return Napi::Number::New(info.Env(), channel_.Create(info.Env(), info[0].ToBoolean() ? RDMA_PS_UDP : RDMA_PS_TCP));
  }
  void Destroy(const Napi::CallbackInfo &info) { channel_.Destroy(Number(info)); }

  void ResolveAddress(const Napi::CallbackInfo &info) {
    SocketAddress to(info.Env(), info[1], PortArgument(info, 2));
    int timeout = static_cast<int>(IntegerArgument(info, 3, "timeout", 1, std::numeric_limits<int>::max()));
    Check(info.Env(), "rdma_resolve_addr", rdma_resolve_addr(Id(info), nullptr, to.Get(), timeout));
  }

  void ResolveRoute(const Napi::CallbackInfo &info) {
    int timeout = static_cast<int>(IntegerArgument(info, 1, "timeout", 1, std::numeric_limits<int>::max()));
    Check(info.Env(), "rdma_resolve_route", rdma_resolve_route(Id(info), timeout));
  }

  void Bind(const Napi::CallbackInfo &info) {
    SocketAddress own(info.Env(), info[1], PortArgument(info, 2));
    Check(info.Env(), "rdma_bind_addr", rdma_bind_addr(Id(info), own.Get()));
  }

  void Listen(const Napi::CallbackInfo &info) {
    int backlog = static_cast<int>(IntegerArgument(info, 1, "backlog", 1, std::numeric_limits<int>::max()));
    Check(info.Env(), "rdma_listen", rdma_listen(Id(info), backlog));
  }

  // What is known by now of the way: device and its port, both addresses.
  Napi::Value Route(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    rdma_cm_id *id = Id(info);
    Napi::Object route = Napi::Object::New(env);
    if (id->verbs != nullptr) route.Set("device", ibv_get_device_name(id->verbs->device));
    route.Set("port", id->port_num);
    route.Set("local", SocketAddress::Object(env, rdma_get_local_addr(id)));
    route.Set("remote", SocketAddress::Object(env, rdma_get_peer_addr(id)));
    return route;
  }

  // The attributes that bring the QP of this connection to a state.
  Napi::Value QpAttributes(const Napi::CallbackInfo &info) {
    ibv_qp_attr attr = {};
    attr.qp_state = static_cast<ibv_qp_state>(IntegerArgument(info, 1, "state", 0, IBV_QPS_ERR));
    int mask = 0;
    Check(info.Env(), "rdma_init_qp_attr", rdma_init_qp_attr(Id(info), &attr, &mask));
    return QpAttributesObject(info.Env(), attr, mask);
  }

  // The QP is none of librdmacm's: it is told its number, and changes nothing of it.
  static rdma_conn_param Parameters(Napi::Env env, const Fields &fields) {
    rdma_conn_param param = {};
    param.qp_num = fields.Number<uint32_t>("qpn");
    param.responder_resources = fields.Number<uint8_t>("responderResources");
    param.initiator_depth = fields.Number<uint8_t>("initiatorDepth");
    param.flow_control = 1;
    param.retry_count = fields.Number<uint8_t>("retryCount");
    param.rnr_retry_count = fields.Number<uint8_t>("rnrRetry");
    param.srq = fields.Flag("srq") ? 1 : 0;
    PrivateData(env, fields.Get("privateData"), &param.private_data, &param.private_data_len);
    return param;
  }

  static void PrivateData(Napi::Env env, Napi::Value value, const void **data, uint8_t *length) {
    if (value.IsUndefined()) return;
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
      throw Napi::TypeError::New(env, "privateData must be a Uint8Array");
    auto bytes = value.As<Napi::Uint8Array>();
    if (bytes.ByteLength() > std::numeric_limits<uint8_t>::max())
      throw Napi::RangeError::New(env, "privateData is too long: " + std::to_string(bytes.ByteLength()) + " bytes");
    *data = bytes.Data();
    *length = static_cast<uint8_t>(bytes.ByteLength());
  }

  void Connect(const Napi::CallbackInfo &info) {
    rdma_cm_id *id = Id(info);
    rdma_conn_param param = Parameters(info.Env(), Fields(info.Env(), info[1]));
    Check(info.Env(), "rdma_connect", rdma_connect(id, &param));
  }

  void Accept(const Napi::CallbackInfo &info) {
    rdma_cm_id *id = Id(info);
    rdma_conn_param param = Parameters(info.Env(), Fields(info.Env(), info[1]));
    Check(info.Env(), "rdma_accept", rdma_accept(id, &param));
  }

  void Establish(const Napi::CallbackInfo &info) {
    Check(info.Env(), "rdma_establish", rdma_establish(Id(info)));
  }

  void Reject(const Napi::CallbackInfo &info) {
    rdma_cm_id *id = Id(info);
    const void *data = nullptr;
    uint8_t length = 0;
    PrivateData(info.Env(), info[1], &data, &length);
    Check(info.Env(), "rdma_reject", rdma_reject(id, data, length));
  }

  void Disconnect(const Napi::CallbackInfo &info) {
    Check(info.Env(), "rdma_disconnect", rdma_disconnect(Id(info)));
  }

  CmChannel channel_;
};

NODE_API_ADDON(RdmaCmAddon)

}  // namespace roam
