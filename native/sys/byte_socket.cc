#include "byte_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <deque>

#include "../util/arguments.h"
#include "../util/system_error.h"
#include "../util/unique_fd.h"

namespace roam {
namespace {

// What the kernel takes while the other end is busy, in bytes: several pieces.
constexpr int kSendBuffer = 1 << 20;

// Parts that one system call takes.
constexpr size_t kMostParts = 64;

enum Report { kRead = 0, kWritten = 1 };

}  // namespace

// Lives from construction until libuv has called back after uv_close, as FdPoll's does.
struct ByteSocket::Handle {
  struct Part {
    napi_ref bytes;
    size_t done;
  };

  uv_poll_t poll;
  UniqueFd fd;
  napi_env env;
  napi_async_context context = nullptr;
  napi_ref callback = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  ByteSocket *owner = nullptr;
  bool closing = false;
  bool held = false;
  Part reading = {nullptr, 0};
  size_t least = 0;
  std::deque<Part> writing;

  static Handle *From(uv_poll_t *poll) { return static_cast<Handle *>(poll->data); }

  void Close() {
    if (closing) return;
    closing = true;
    // The other end hears of it at once, not only when libuv has let go of the descriptor.
    shutdown(fd.Get(), SHUT_RDWR);
    if (owner != nullptr) {
      owner->handle_ = nullptr;
      if (held) owner->Unref();
      owner = nullptr;
    }
    if (reading.bytes != nullptr) napi_delete_reference(env, reading.bytes);
    for (Part &part : writing) napi_delete_reference(env, part.bytes);
    writing.clear();
    if (callback != nullptr) napi_delete_reference(env, callback);
    if (context != nullptr) napi_async_destroy(env, context);
    uv_close(reinterpret_cast<uv_handle_t *>(&poll), [](uv_handle_t *closed) {
      Handle *self = static_cast<Handle *>(closed->data);
      if (self->hook != nullptr) napi_remove_async_cleanup_hook(self->hook);
      delete self;
    });
  }

  static void OnCleanup(napi_async_cleanup_hook_handle, void *data) { static_cast<Handle *>(data)->Close(); }

  // Looked up anew each time: JavaScript may have detached the memory meanwhile, which makes it empty.
  Bytes Memory(napi_ref reference) const {
    napi_value array;
    napi_typedarray_type type;
    void *data = nullptr;
    size_t length = 0;
    if (napi_get_reference_value(env, reference, &array) != napi_ok || array == nullptr ||
        napi_get_typedarray_info(env, array, &type, &length, &data, nullptr, nullptr) != napi_ok)
      return {nullptr, 0};
    return {static_cast<uint8_t *>(data), length};
  }

  // 0: `done` is what came, all there will be; EAGAIN: more is to come; else the error.
  int Fill(Bytes bytes, size_t wanted, size_t *done) const {
    while (*done < bytes.length) {
      ssize_t got = recv(fd.Get(), bytes.data + *done, bytes.length - *done, MSG_DONTWAIT);
      if (got == 0) return 0;
      if (got > 0)
        *done += static_cast<size_t>(got);
      else if (errno == EAGAIN || errno == EWOULDBLOCK)
        return *done >= wanted ? 0 : EAGAIN;
      else if (errno != EINTR)
        return errno;
    }
    return 0;
  }

  // 0: nothing waits any more; EAGAIN: something does; else the error.
  int Flush() {
    while (!writing.empty()) {
      std::array<iovec, kMostParts> parts;
      size_t count = 0;
      for (const Part &part : writing) {
        Bytes bytes = Memory(part.bytes);
        if (bytes.length < part.done) return EFAULT;
        parts[count] = {bytes.data + part.done, bytes.length - part.done};
        if (++count == kMostParts) break;
      }
      msghdr message = {};
      message.msg_iov = parts.data();
      message.msg_iovlen = count;
      ssize_t sent;
      do sent = sendmsg(fd.Get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      while (sent < 0 && errno == EINTR);
      if (sent < 0) return errno == EWOULDBLOCK ? EAGAIN : errno;
      size_t left = static_cast<size_t>(sent);
      for (size_t i = 0; i < count && left >= parts[i].iov_len; i++) {
        left -= parts[i].iov_len;
        napi_delete_reference(env, writing.front().bytes);
        writing.pop_front();
      }
      if (left > 0) writing.front().done += left;
    }
    return 0;
  }

  // Waits for what is under way, and keeps the object alive as long as something is.
  void Arm() {
    int events = (reading.bytes != nullptr ? UV_READABLE : 0) | (writing.empty() ? 0 : UV_WRITABLE);
    if (events != 0)
      uv_poll_start(&poll, events, OnReport);
    else
      uv_poll_stop(&poll);
    if ((events != 0) == held) return;
    held = !held;
    if (held)
      owner->Ref();
    else
      owner->Unref();
  }

  void Tell(Report what, int error, size_t count) {
    napi_value function, receiver, arguments[3];
    bool ready = !closing && napi_get_reference_value(env, callback, &function) == napi_ok &&
                 function != nullptr && napi_get_global(env, &receiver) == napi_ok &&
                 napi_create_int32(env, what, &arguments[0]) == napi_ok &&
                 napi_create_int32(env, error, &arguments[1]) == napi_ok &&
                 napi_create_double(env, static_cast<double>(count), &arguments[2]) == napi_ok;
    if (ready &&
        napi_make_callback(env, context, receiver, function, 3, arguments, nullptr) == napi_pending_exception) {
      napi_value thrown;
      if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
    }
  }

  // An error of the poll itself is told by the system call that follows.  The handle outlives this
  // function whatever JavaScript does: libuv calls back after uv_close in a later turn.
  static void OnReport(uv_poll_t *poll, int, int) {
    Handle *self = From(poll);
    napi_handle_scope scope;
    if (napi_open_handle_scope(self->env, &scope) != napi_ok) return;
    int read = EAGAIN, written = EAGAIN;
    size_t count = 0;
    if (self->reading.bytes != nullptr) {
      Bytes bytes = self->Memory(self->reading.bytes);
      read = bytes.length < self->reading.done ? EFAULT
                                               : self->Fill(bytes, self->least, &self->reading.done);
      count = self->reading.done;
      if (read != EAGAIN) {
        napi_delete_reference(self->env, self->reading.bytes);
        self->reading.bytes = nullptr;
      }
    }
    if (!self->writing.empty()) {
      written = self->Flush();
      if (written != 0 && written != EAGAIN) self->Drop();
    }
    // The owner is kept by this handle scope while JavaScript runs.
    self->Arm();
    if (read != EAGAIN) self->Tell(kRead, read, count);
    if (written != EAGAIN) self->Tell(kWritten, written, 0);
    napi_close_handle_scope(self->env, scope);
  }

  void Drop() {
    for (Part &part : writing) napi_delete_reference(env, part.bytes);
    writing.clear();
  }
};

Napi::Function ByteSocket::Define(Napi::Env env) {
  return DefineClass(env, "ByteSocket",
                     {InstanceMethod<&ByteSocket::Read>("read"), InstanceMethod<&ByteSocket::Write>("write"),
                      InstanceMethod<&ByteSocket::Close>("close")});
}

ByteSocket::ByteSocket(const Napi::CallbackInfo &info) : Napi::ObjectWrap<ByteSocket>(info) {
  Napi::Env env = info.Env();
  int given = FdArgument(info, 0);
  if (info.Length() < 2 || !info[1].IsFunction())
    throw Napi::TypeError::New(env, "callback must be a function");
  UniqueFd fd(fcntl(given, F_DUPFD_CLOEXEC, 0));
  if (!fd.Valid()) throw SystemError(env, "fcntl", errno, "fd " + std::to_string(given));
  // As much as the system grants.
  if (setsockopt(fd.Get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) != 0)
    setsockopt(fd.Get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);

  uv_loop_t *loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok)
    throw Napi::Error::New(env, "this environment has no event loop");
  Handle *handle = new Handle;
  handle->env = env;
  handle->poll.data = handle;
  int err = uv_poll_init(loop, &handle->poll, fd.Get());
  if (err < 0) {
    delete handle;
    throw SystemError(env, "uv_poll_init", -err, "fd " + std::to_string(given));
  }
  handle->fd = std::move(fd);
  if (napi_create_reference(env, info[1], 1, &handle->callback) != napi_ok ||
      napi_async_init(env, nullptr, Napi::String::New(env, "roam.ByteSocket"), &handle->context) != napi_ok ||
      napi_add_async_cleanup_hook(env, Handle::OnCleanup, handle, &handle->hook) != napi_ok) {
    handle->Close();
    throw Napi::Error::New(env, "the environment is shutting down");
  }
  handle->owner = this;
  handle_ = handle;
}

ByteSocket::~ByteSocket() {
  if (handle_ == nullptr) return;
  // Collected, or at the end of the environment, where nothing counts references any more.
  handle_->held = false;
  handle_->Close();
}

Napi::Value ByteSocket::Read(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Bytes bytes = BytesArgument(info, 0);
  size_t least = static_cast<size_t>(IntegerArgument(info, 1, "least", 1, static_cast<int64_t>(bytes.length)));
  if (handle_ == nullptr) throw SystemError(env, "recv", EBADF);
  if (handle_->reading.bytes != nullptr) throw Napi::Error::New(env, "there is a read under way");
  size_t done = 0;
  int err = handle_->Fill(bytes, least, &done);
  if (err == 0) return Napi::Number::New(env, static_cast<double>(done));
  if (err != EAGAIN) throw SystemError(env, "recv", err);
  napi_ref reference;
  if (napi_create_reference(env, info[0], 1, &reference) != napi_ok)
    throw Napi::Error::New(env, "the environment is shutting down");
  handle_->reading = {reference, done};
  handle_->least = least;
  handle_->Arm();
  return Napi::Number::New(env, -1);
}

Napi::Value ByteSocket::Write(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsArray()) throw Napi::TypeError::New(env, "parts must be an array");
  if (handle_ == nullptr) throw SystemError(env, "sendmsg", EBADF);
  Napi::Array list = info[0].As<Napi::Array>();
  size_t before = handle_->writing.size();
  for (uint32_t i = 0; i < list.Length(); i++) {
    napi_ref reference;
    Napi::Value item = list.Get(i);
    if (!item.IsTypedArray() || item.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array ||
        napi_create_reference(env, item, 1, &reference) != napi_ok) {
      for (; handle_->writing.size() > before; handle_->writing.pop_back())
        napi_delete_reference(env, handle_->writing.back().bytes);
      throw Napi::TypeError::New(env, "parts must be an array of Uint8Array");
    }
    handle_->writing.push_back({reference, 0});
  }
  // What was written before goes first, when there is room.
  int err = before > 0 ? EAGAIN : handle_->Flush();
  if (err != 0 && err != EAGAIN) {
    handle_->Drop();
    handle_->Arm();
    throw SystemError(env, "sendmsg", err);
  }
  handle_->Arm();
  return Napi::Boolean::New(env, err == 0);
}

void ByteSocket::Close(const Napi::CallbackInfo &) {
  if (handle_ != nullptr) handle_->Close();
}

}  // namespace roam
