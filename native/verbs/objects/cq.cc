#include "cq.h"

#include <errno.h>
#include <infiniband/verbs.h>

#include <memory>
#include <string>

#include "../../util/arguments.h"
#include "../../util/system_error.h"
#include "handle.h"
#include "poll.h"

namespace roam {
namespace {

Napi::Value ChannelCreate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  ibv_comp_channel *channel = ibv_create_comp_channel(context->Get());
  if (channel == nullptr) throw SystemError(env, "ibv_create_comp_channel", errno);
  Napi::Object handle = Adopt(env, std::make_shared<ChannelResource>(context, channel));
  handle.Set("fd", channel->fd);
  return handle;
}

Napi::Value ChannelEvents(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto channel = Use<ChannelResource>(env, info[0]);
  int64_t limit = IntegerArgument(info, 1, "limit", 1, 65536);
  Napi::Array ids = Napi::Array::New(env);
  for (int64_t i = 0; i < limit; i++) {
    ibv_cq *cq = nullptr;
    void *cq_context = nullptr;
    if (ibv_get_cq_event(channel->channel, &cq, &cq_context) != 0) {
      if (errno == EAGAIN || errno == EINTR) break;
      throw SystemError(env, "ibv_get_cq_event", errno);
    }
    // At once: destroying the CQ waits, with the thread, until all are.
    ibv_ack_cq_events(cq, 1);
    ids.Set(static_cast<uint32_t>(i), static_cast<double>(reinterpret_cast<uintptr_t>(cq_context)));
  }
  return ids;
}

Napi::Value CqResize(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto cq = Use<CqResource>(env, info[0]);
  int depth = static_cast<int>(IntegerArgument(info, 1, "depth", 1, INT32_MAX));
  int err = ibv_resize_cq(cq->cq, depth);
  if (err != 0) throw SystemError(env, "ibv_resize_cq", err, "depth " + std::to_string(depth));
  return Napi::Number::New(env, cq->cq->cqe);
}

void CqArm(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto cq = Use<CqResource>(env, info[0]);
  int err = ibv_req_notify_cq(cq->cq, info[1].ToBoolean() ? 1 : 0);
  if (err != 0) throw SystemError(env, "ibv_req_notify_cq", err);
}

Napi::Value CqPoll(const Napi::CallbackInfo &info, CqResource &cq) {
  Napi::Env env = info.Env();
  size_t count = Poll(env, cq, RoomOf(env, info[0]), PatienceArguments(info, 1));
  return Napi::Number::New(env, static_cast<double>(count));
}

Napi::Value CqCreate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  int depth = static_cast<int>(IntegerArgument(info, 1, "depth", 1, INT32_MAX));
  auto channel = UseOptional<ChannelResource>(env, info[2]);
  int vector = static_cast<int>(IntegerArgument(info, 3, "vector", 0, INT32_MAX));
  if (channel && channel->Context() != context)
    throw Napi::TypeError::New(env, "the completion channel belongs to another context");
  auto resource = std::make_shared<CqResource>(context, channel);
  void *user = reinterpret_cast<void *>(static_cast<uintptr_t>(resource->Id()));
  resource->cq = ibv_create_cq(context->Get(), depth, user, channel ? channel->channel : nullptr, vector);
  if (resource->cq == nullptr) throw SystemError(env, "ibv_create_cq", errno, "depth " + std::to_string(depth));
  Napi::Object handle = Adopt(env, resource);
  handle.Set("depth", resource->cq->cqe);
  SetMethod<CqResource, CqPoll>(env, handle, "poll", resource);
  return handle;
}

}  // namespace

void DefineCq(Napi::Env env, Napi::Object exports) {
  exports.Set("channelCreate", Napi::Function::New<ChannelCreate>(env, "channelCreate"));
  exports.Set("channelEvents", Napi::Function::New<ChannelEvents>(env, "channelEvents"));
  exports.Set("cqCreate", Napi::Function::New<CqCreate>(env, "cqCreate"));
  exports.Set("cqResize", Napi::Function::New<CqResize>(env, "cqResize"));
  exports.Set("cqArm", Napi::Function::New<CqArm>(env, "cqArm"));
}

}  // namespace roam
