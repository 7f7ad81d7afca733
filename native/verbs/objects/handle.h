#ifndef ROAM_VERBS_OBJECTS_HANDLE_H
#define ROAM_VERBS_OBJECTS_HANDLE_H

#include <napi.h>

#include <memory>
#include <string>

#include "objects.h"

namespace roam {

// A JavaScript object that stands for a verbs object and shares its ownership.  Type tags keep one kind
// from being taken for another.
template <typename T>
struct HandleTraits;

#define ROAM_HANDLE(type, text, low)                                                         \
  template <>                                                                                \
  struct HandleTraits<type> {                                                                \
    static constexpr const char *name = text;                                                \
    static constexpr napi_type_tag tag = {0x9b1c7c52d1a64f0aULL, 0xa70de3b1c4f80000ULL + low}; \
  };

ROAM_HANDLE(ContextResource, "context", 1)
ROAM_HANDLE(PdResource, "PD", 2)
ROAM_HANDLE(MrResource, "MR", 3)
ROAM_HANDLE(ChannelResource, "completion channel", 4)
ROAM_HANDLE(CqResource, "CQ", 5)
ROAM_HANDLE(QpResource, "QP", 6)
ROAM_HANDLE(SrqResource, "SRQ", 7)
ROAM_HANDLE(AhResource, "AH", 8)
ROAM_HANDLE(MwResource, "MW", 9)
ROAM_HANDLE(XrcdResource, "XRCD", 10)
ROAM_HANDLE(Pages, "memory", 11)
#undef ROAM_HANDLE

template <typename T>
Napi::Object Wrap(Napi::Env env, const std::shared_ptr<T> &resource) {
  Napi::Object handle = Napi::Object::New(env);
  napi_type_tag tag = HandleTraits<T>::tag;
  handle.TypeTag(&tag);
  auto *owner = new std::shared_ptr<T>(resource);
  napi_status status = napi_wrap(
      env, handle, owner, [](napi_env, void *data, void *) { delete static_cast<std::shared_ptr<T> *>(data); }, nullptr,
      nullptr);
  if (status != napi_ok) {
    delete owner;
    throw Napi::Error::New(env);
  }
  return handle;
}

template <typename T>
std::shared_ptr<T> Unwrap(Napi::Env env, Napi::Value value) {
  napi_type_tag tag = HandleTraits<T>::tag;
  void *data = nullptr;
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag) ||
      napi_unwrap(env, value, &data) != napi_ok || data == nullptr)
    throw Napi::TypeError::New(env, std::string("expected a ") + HandleTraits<T>::name);
  return *static_cast<std::shared_ptr<T> *>(data);
}

// A closed one is an error that says so.
template <typename T>
void CheckUsable(Napi::Env env, const T &resource) {
  bool usable;
  if constexpr (std::is_same_v<T, ContextResource>)
    usable = resource.Open();
  else
    usable = resource.Alive();
  if (usable) return;
  Napi::Error error = Napi::Error::New(env, std::string("the ") + HandleTraits<T>::name + " is closed");
  error.Set("code", Napi::String::New(env, "CLOSED"));
  throw error;
}

// One that can be used.
template <typename T>
std::shared_ptr<T> Use(Napi::Env env, Napi::Value value) {
  std::shared_ptr<T> resource = Unwrap<T>(env, value);
  CheckUsable(env, *resource);
  return resource;
}

template <typename T>
std::shared_ptr<T> UseOptional(Napi::Env env, Napi::Value value) {
  if (value.IsUndefined() || value.IsNull()) return nullptr;
  return Use<T>(env, value);
}

template <typename T, Napi::Value (*call)(const Napi::CallbackInfo &, T &)>
Napi::Value CallMethod(const Napi::CallbackInfo &info) {
  std::shared_ptr<T> kept = *static_cast<std::shared_ptr<T> *>(info.Data());
  CheckUsable(info.Env(), *kept);
  return call(info, *kept);
}

// A method of a handle for what is called with every message: the function knows its object, so that nothing is
// unwrapped and no tag compared.
template <typename T, Napi::Value (*call)(const Napi::CallbackInfo &, T &)>
void SetMethod(Napi::Env env, Napi::Object handle, const char *name, const std::shared_ptr<T> &resource) {
  auto *owner = new std::shared_ptr<T>(resource);
  Napi::Function function = Napi::Function::New<CallMethod<T, call>>(env, name, owner);
  function.AddFinalizer([](Napi::Env, std::shared_ptr<T> *data) { delete data; }, owner);
  handle.Set(name, function);
}

// Makes the context know the object, and the handle.
template <typename T>
Napi::Object Adopt(Napi::Env env, std::shared_ptr<T> resource) {
  resource->Context()->Adopt(resource);
  try {
    Napi::Object handle = Wrap(env, resource);
    handle.Set("id", resource->Id());
    return handle;
  } catch (...) {
    // Without a handle nobody could ever close it.
    resource->Destroy();
    throw;
  }
}

}  // namespace roam

#endif
