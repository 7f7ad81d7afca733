#include "cm_channel.h"

#include <errno.h>

#include "../util/system_error.h"
#include "../verbs/objects/qp_attributes.h"

namespace roam {
namespace {

uint32_t NumberOf(const rdma_cm_id *id) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(id->context)); }

// It points into the event.
Napi::Value PrivateData(Napi::Env env, const void *data, size_t length) {
  return Napi::Buffer<uint8_t>::Copy(env, static_cast<const uint8_t *>(data), data == nullptr ? 0 : length);
}

// How to reach who has answered; of no other event.
Napi::Object ServiceParameters(Napi::Env env, const rdma_ud_param &param, bool answer) {
  ibv_qp_attr attr = {};
  attr.ah_attr = param.ah_attr;
  attr.qkey = param.qkey;
  Napi::Object object = answer ? QpAttributesObject(env, attr, IBV_QP_AV | IBV_QP_QKEY) : Napi::Object::New(env);
  object.Set("privateData", PrivateData(env, param.private_data, param.private_data_len));
  object.Set("qpn", param.qp_num);
  return object;
}

Napi::Object ConnectionParameters(Napi::Env env, const rdma_conn_param &param) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("privateData", PrivateData(env, param.private_data, param.private_data_len));
  object.Set("responderResources", param.responder_resources);
  object.Set("initiatorDepth", param.initiator_depth);
  object.Set("qpn", param.qp_num);
  return object;
}

}  // namespace

int CmChannel::Open(Napi::Env env) {
  if (channel_ == nullptr) channel_ = rdma_create_event_channel();
  if (channel_ == nullptr) throw SystemError(env, "rdma_create_event_channel", errno);
  return channel_->fd;
}

void CmChannel::Close() {
  // The youngest first: what a listener has taken goes before the listener.
  for (auto it = ids_.rbegin(); it != ids_.rend(); ++it) rdma_destroy_id(it->second);
  ids_.clear();
  if (channel_ != nullptr) rdma_destroy_event_channel(channel_);
  channel_ = nullptr;
}

Napi::Value CmChannel::Event(Napi::Env env) {
  rdma_cm_event *event = nullptr;
  if (channel_ == nullptr) return env.Undefined();
  if (rdma_get_cm_event(channel_, &event) != 0) {
    if (errno == EAGAIN || errno == EINTR) return env.Undefined();
    throw SystemError(env, "rdma_get_cm_event", errno);
  }
  struct Ack {
    rdma_cm_event *event;
    ~Ack() { rdma_ack_cm_event(event); }
  } ack{event};

  // A request comes with an identifier of its own, which has the listener's context until it is adopted.
  uint32_t listener = 0;
  if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
    listener = NumberOf(event->listen_id);
    Adopt(event->id);
  }
  Napi::Object object = event->id->ps == RDMA_PS_UDP
                            ? ServiceParameters(env, event->param.ud, event->event == RDMA_CM_EVENT_ESTABLISHED)
                            : ConnectionParameters(env, event->param.conn);
  object.Set("type", static_cast<uint32_t>(event->event));
  object.Set("status", event->status);
  object.Set("id", NumberOf(event->id));
  if (listener != 0) object.Set("listener", listener);
  return object;
}

uint32_t CmChannel::Create(Napi::Env env, rdma_port_space space) {
  Open(env);
  rdma_cm_id *id = nullptr;
  if (rdma_create_id(channel_, &id, nullptr, space) != 0) throw SystemError(env, "rdma_create_id", errno);
  return Adopt(id);
}

uint32_t CmChannel::Adopt(rdma_cm_id *id) {
  uint32_t number = ++last_;
  id->context = reinterpret_cast<void *>(static_cast<uintptr_t>(number));
  ids_.emplace(number, id);
  return number;
}

void CmChannel::Destroy(uint32_t number) {
  auto found = ids_.find(number);
  if (found == ids_.end()) return;
  rdma_destroy_id(found->second);
  ids_.erase(found);
}

rdma_cm_id *CmChannel::Find(Napi::Env env, uint32_t number) const {
  auto found = ids_.find(number);
  if (found != ids_.end()) return found->second;
  Napi::Error error = Napi::Error::New(env, "the connection is closed");
  error.Set("code", Napi::String::New(env, "CLOSED"));
  throw error;
}

}  // namespace roam
