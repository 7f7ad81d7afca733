#include "fd_poll.h"

#include <node_api.h>
#include <uv.h>

#include "arguments.h"
#include "system_error.h"

namespace roam {

// Lives from construction until libuv has called back after uv_close, which may be later than the
// JavaScript object: the object is collected, or its environment ends, with the close still pending.
struct FdPoll::Handle {
  uv_poll_t poll;
  napi_env env;
  napi_async_context context = nullptr;
  napi_ref callback = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  FdPoll *owner = nullptr;
  bool closing = false;

  static Handle *From(uv_poll_t *poll) { return static_cast<Handle *>(poll->data); }

  // The JavaScript side is released here and not in the close callback, where the environment may be
  // half gone.
  void Close() {
    if (closing) return;
    closing = true;
    if (owner != nullptr) {
      owner->handle_ = nullptr;
      owner = nullptr;
    }
    if (callback != nullptr) napi_delete_reference(env, callback);
    if (context != nullptr) napi_async_destroy(env, context);
    uv_close(reinterpret_cast<uv_handle_t *>(&poll), [](uv_handle_t *closed) {
      Handle *self = static_cast<Handle *>(closed->data);
      // The environment waits for this before it tears down its loop.
      if (self->hook != nullptr) napi_remove_async_cleanup_hook(self->hook);
      delete self;
    });
  }

  static void OnCleanup(napi_async_cleanup_hook_handle, void *data) { static_cast<Handle *>(data)->Close(); }

  static void OnReport(uv_poll_t *poll, int status, int events) {
    Handle *self = From(poll);
    napi_env env = self->env;
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return;

    napi_value callback, receiver, arguments[2];
    bool ready = napi_get_reference_value(env, self->callback, &callback) == napi_ok && callback != nullptr &&
                 napi_get_global(env, &receiver) == napi_ok &&
                 napi_create_int32(env, status < 0 ? -status : 0, &arguments[0]) == napi_ok &&
                 napi_create_int32(env, events, &arguments[1]) == napi_ok;
    // After this call `self` may be gone: the callback is free to close the poll.
    if (ready &&
        napi_make_callback(env, self->context, receiver, callback, 2, arguments, nullptr) ==
            napi_pending_exception) {
      napi_value error;
      if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
    }
    napi_close_handle_scope(env, scope);
  }
};

Napi::Function FdPoll::Define(Napi::Env env) {
  return DefineClass(env, "FdPoll",
                     {InstanceMethod<&FdPoll::Start>("start"), InstanceMethod<&FdPoll::Stop>("stop"),
                      InstanceMethod<&FdPoll::Close>("close"), InstanceMethod<&FdPoll::KeepAlive>("ref"),
                      InstanceMethod<&FdPoll::LetExit>("unref")});
}

FdPoll::FdPoll(const Napi::CallbackInfo &info) : Napi::ObjectWrap<FdPoll>(info) {
  Napi::Env env = info.Env();
  int fd = FdArgument(info, 0);
  if (info.Length() < 2 || !info[1].IsFunction())
    throw Napi::TypeError::New(env, "callback must be a function");

  uv_loop_t *loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok)
    throw Napi::Error::New(env, "this environment has no event loop");

  Handle *handle = new Handle;
  handle->env = env;
  handle->poll.data = handle;
  // uv_poll_init refuses what epoll cannot watch (EPERM for a regular file) before it registers anything.
  int err = uv_poll_init(loop, &handle->poll, fd);
  if (err < 0) {
    delete handle;
    throw SystemError(env, "uv_poll_init", -err, "fd " + std::to_string(fd));
  }

  if (napi_create_reference(env, info[1], 1, &handle->callback) != napi_ok ||
      napi_async_init(env, nullptr, Napi::String::New(env, "roam.FdPoll"), &handle->context) != napi_ok ||
      napi_add_async_cleanup_hook(env, Handle::OnCleanup, handle, &handle->hook) != napi_ok) {
    handle->Close();
    throw Napi::Error::New(env, "the environment is shutting down");
  }
  handle->owner = this;
  handle_ = handle;
}

FdPoll::~FdPoll() { Detach(); }

void FdPoll::Start(const Napi::CallbackInfo &info) {
  int events = static_cast<int>(IntegerArgument(info, 0, "events", UV_READABLE, UV_READABLE | UV_WRITABLE));
  if (handle_ == nullptr) throw Napi::Error::New(info.Env(), "the poll is closed");
  int err = uv_poll_start(&handle_->poll, events, Handle::OnReport);
  if (err < 0) throw SystemError(info.Env(), "uv_poll_start", -err);
  if (!started_) Ref();
  started_ = true;
}

void FdPoll::StopPolling() {
  if (!started_) return;
  if (handle_ != nullptr) uv_poll_stop(&handle_->poll);
  started_ = false;
  Unref();
}

void FdPoll::Stop(const Napi::CallbackInfo &) { StopPolling(); }

void FdPoll::Close(const Napi::CallbackInfo &) {
  StopPolling();
  Detach();
}

void FdPoll::KeepAlive(const Napi::CallbackInfo &) {
  if (handle_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t *>(&handle_->poll));
}

void FdPoll::LetExit(const Napi::CallbackInfo &) {
  if (handle_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t *>(&handle_->poll));
}

void FdPoll::Detach() {
  if (handle_ != nullptr) handle_->Close();
}

}  // namespace roam
