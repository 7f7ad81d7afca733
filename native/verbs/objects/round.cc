#include "round.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "handle.h"
#include "poll.h"
#include "post.h"

namespace roam {
namespace {

template <typename T>
struct Round {
  std::shared_ptr<T> owner;
  std::shared_ptr<CqResource> cq;
  // Aligned as the records are, whose largest part has eight bytes.
  std::vector<uint64_t> requests;
  size_t stride;
  size_t count;
  // Not its memory: JavaScript could detach that.
  Napi::ObjectReference completions;
  Patience patience;
};

template <typename T, void (*post)(Napi::Env, T &, const RequestBytes &)>
Napi::Value Run(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto *round = static_cast<Round<T> *>(info.Data());
  CheckUsable(env, *round->owner);
  CheckUsable(env, *round->cq);
  post(env, *round->owner, {reinterpret_cast<const uint8_t *>(round->requests.data()), round->stride, round->count});
  try {
    Patience patience = round->patience;
    if (info.Length() > 0) patience.time = {};
    size_t found = Poll(env, *round->cq, RoomOf(env, round->completions.Value()), patience);
    return Napi::Number::New(env, static_cast<double>(found));
  } catch (const Napi::Error &error) {
    Napi::Error(error).Set("posted", Napi::Number::New(env, static_cast<double>(round->count)));
    throw;
  }
}

template <typename T, RequestBytes (*arguments)(const Napi::CallbackInfo &),
          void (*post)(Napi::Env, T &, const RequestBytes &)>
Napi::Value Prepare(const Napi::CallbackInfo &info, T &owner) {
  Napi::Env env = info.Env();
  auto round = std::make_unique<Round<T>>();
  RequestBytes requests = arguments(info);
  round->requests.resize((requests.count * requests.stride + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  std::copy_n(requests.data, requests.count * requests.stride, reinterpret_cast<uint8_t *>(round->requests.data()));
  round->stride = requests.stride;
  round->count = requests.count;
  round->cq = Use<CqResource>(env, info[4]);
  if (round->cq->Context() != owner.Context())
    throw Napi::TypeError::New(env, "the CQ belongs to another context");
  RoomOf(env, info[5]);
  round->completions = Napi::Persistent(info[5].As<Napi::Object>());
  round->patience = PatienceArguments(info, 6);
  round->owner = *static_cast<std::shared_ptr<T> *>(info.Data());
  Napi::Function run = Napi::Function::New<Run<T, post>>(env, "round", round.get());
  run.AddFinalizer([](Napi::Env, Round<T> *data) { delete data; }, round.release());
  return run;
}

}  // namespace

void SetRoundMethods(Napi::Env env, Napi::Object handle, const std::shared_ptr<QpResource> &qp) {
  SetMethod<QpResource, Prepare<QpResource, SendArguments, Send>>(env, handle, "sendRound", qp);
  SetMethod<QpResource, Prepare<QpResource, ReceiveArguments, Receive<QpResource>>>(env, handle, "receiveRound", qp);
}

void SetRoundMethods(Napi::Env env, Napi::Object handle, const std::shared_ptr<SrqResource> &srq) {
  SetMethod<SrqResource, Prepare<SrqResource, ReceiveArguments, Receive<SrqResource>>>(env, handle, "receiveRound", srq);
}

}  // namespace roam
