#include "byte_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "../util/arguments.h"
#include "../util/system_error.h"
#include "../util/unique_fd.h"
#include "tls_stream.h"

namespace roam {
namespace {

// What the kernel takes while the other end is busy, in bytes: several pieces.
constexpr int kSendBuffer = 1 << 20;

// Parts that one system call takes.
constexpr size_t kMostParts = 64;

enum Report { kRead = 0, kWritten = 1, kSecured = 2 };

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
  // The kernel had no room for all that is to be sent.
  bool unsent = false;
  bool ending = false;
  bool ended = false;
  // The word of TLS that nothing follows is on its way.
  bool said = false;
  std::unique_ptr<TlsStream> tls;
  bool handshaking = false;

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
  int Fill(Bytes bytes, size_t wanted, size_t *done) {
    while (*done < bytes.length) {
      size_t got = 0;
      int err = Receive(bytes.data + *done, bytes.length - *done, &got);
      if (err == EAGAIN) return *done >= wanted ? 0 : EAGAIN;
      if (err != 0) return err;
      if (got == 0) return 0;
      *done += got;
    }
    return 0;
  }

  int Receive(uint8_t *bytes, size_t length, size_t *got) {
    if (tls) {
      int err = tls->Read(fd.Get(), bytes, length, got);
      // An answer to what is not data, which goes when there is room.
      if (tls->Waits()) unsent = true;
      return err;
    }
    ssize_t came;
    do came = recv(fd.Get(), bytes, length, MSG_DONTWAIT);
    while (came < 0 && errno == EINTR);
    if (came < 0) return errno == EWOULDBLOCK ? EAGAIN : errno;
    *got = static_cast<size_t>(came);
    return 0;
  }

  // 0: nothing waits any more; EAGAIN: something does; else the error.
  int Flush() {
    int err = tls ? FlushSealed() : FlushPlain();
    unsent = err == EAGAIN;
    if (err == 0 && ending && !ended) {
      ended = true;
      shutdown(fd.Get(), SHUT_WR);
    }
    return err;
  }

  int FlushSealed() {
    for (;;) {
      int err = tls->Send(fd.Get());
      if (err != 0) return err;
      if (writing.empty() && (said || !ending)) return 0;
      while (!writing.empty() && tls->HasRoom()) {
        err = SealRecord();
        if (err != 0) return err;
      }
      if (!writing.empty() || !ending) continue;
      tls->SealEnd();
      said = true;
    }
  }

  // Small parts share a record: each costs as much as some KiB.
  int SealRecord() {
    Bytes bytes = Memory(writing.front().bytes);
    size_t from = writing.front().done;
    if (bytes.length < from) return EFAULT;
    if (bytes.length - from >= TlsStream::kRecord) {
      writing.front().done += TlsStream::kRecord;
      int err = tls->Seal(bytes.data + from, TlsStream::kRecord);
      if (bytes.length == writing.front().done) Shift();
      return err;
    }
    std::array<uint8_t, TlsStream::kRecord> record;
    size_t length = 0;
    while (!writing.empty() && length < record.size()) {
      Part &part = writing.front();
      bytes = Memory(part.bytes);
      if (bytes.length < part.done) return EFAULT;
      size_t count = std::min(bytes.length - part.done, record.size() - length);
      if (count > 0) memcpy(record.data() + length, bytes.data + part.done, count);
      length += count;
      part.done += count;
      if (part.done == bytes.length) Shift();
    }
    return length == 0 ? 0 : tls->Seal(record.data(), length);
  }

  void Shift() {
    napi_delete_reference(env, writing.front().bytes);
    writing.pop_front();
  }

  int FlushPlain() {
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
        Shift();
      }
      if (left > 0) writing.front().done += left;
    }
    return 0;
  }

  // Waits for what is under way, and keeps the object alive as long as something is.
  void Arm() {
    int events = (reading.bytes != nullptr || handshaking ? UV_READABLE : 0) | (unsent ? UV_WRITABLE : 0);
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
    int read = EAGAIN, written = EAGAIN, secured = EAGAIN;
    size_t count = 0;
    if (self->handshaking) secured = self->Shake();
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
    if (self->unsent && !self->handshaking) {
      written = self->Flush();
      if (written != 0 && written != EAGAIN) self->Drop();
    }
    // The owner is kept by this handle scope while JavaScript runs.
    self->Arm();
    if (secured != EAGAIN) self->Tell(kSecured, secured, 0);
    if (read != EAGAIN) self->Tell(kRead, read, count);
    if (written != EAGAIN) self->Tell(kWritten, written, 0);
    napi_close_handle_scope(self->env, scope);
  }

  int Shake() {
    int err = tls->Handshake(fd.Get());
    handshaking = err == EAGAIN;
    unsent = handshaking && tls->Waits();
    return err;
  }

  void Drop() {
    for (Part &part : writing) napi_delete_reference(env, part.bytes);
    writing.clear();
    unsent = false;
  }
};

Napi::Function ByteSocket::Define(Napi::Env env) {
  return DefineClass(env, "ByteSocket",
                     {InstanceMethod<&ByteSocket::Read>("read"), InstanceMethod<&ByteSocket::Write>("write"),
                      InstanceMethod<&ByteSocket::End>("end"), InstanceMethod<&ByteSocket::Close>("close"),
                      InstanceMethod<&ByteSocket::Secure>("secure"), InstanceMethod<&ByteSocket::Problem>("problem"),
                      InstanceMethod<&ByteSocket::PeerCertificate>("peerCertificate")});
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
  if (handle_->handshaking) throw Napi::Error::New(env, "there is a handshake under way");
  size_t done = 0;
  int err = handle_->Fill(bytes, least, &done);
  if (handle_->unsent) handle_->Arm();
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
  if (handle_->ending) throw SystemError(env, "sendmsg", EPIPE);
  if (handle_->handshaking) throw Napi::Error::New(env, "there is a handshake under way");
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
  return Go(env);
}

Napi::Value ByteSocket::End(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (handle_ == nullptr) throw SystemError(env, "shutdown", EBADF);
  if (handle_->handshaking) throw Napi::Error::New(env, "there is a handshake under way");
  handle_->ending = true;
  return Go(env);
}

Napi::Value ByteSocket::Go(Napi::Env env) {
  // What was written before goes first, when there is room.
  int err = handle_->unsent ? EAGAIN : handle_->Flush();
  if (err != 0 && err != EAGAIN) {
    handle_->Drop();
    handle_->Arm();
    throw SystemError(env, "sendmsg", err);
  }
  handle_->Arm();
  return Napi::Boolean::New(env, err == 0);
}

Napi::Value ByteSocket::Secure(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  bool server = info[0].ToBoolean();
  Bytes cert = BytesArgument(info, 1), key = BytesArgument(info, 2);
  if (handle_ == nullptr) throw SystemError(env, "recv", EBADF);
  if (handle_->tls || handle_->reading.bytes != nullptr || handle_->unsent || handle_->ending)
    throw Napi::Error::New(env, "the socket is in use");
  if (!TlsStream::Available()) throw Napi::Error::New(env, "this Node has no OpenSSL that can be called");
  std::string problem;
  handle_->tls = TlsStream::Create(server, cert, key, &problem);
  if (!handle_->tls) throw Napi::Error::New(env, problem);
  handle_->handshaking = true;
  int err = handle_->Shake();
  if (err != 0 && err != EAGAIN) throw SystemError(env, "handshake", err);
  handle_->Arm();
  return Napi::Boolean::New(env, err == 0);
}

Napi::Value ByteSocket::Problem(const Napi::CallbackInfo &info) {
  return Napi::String::New(info.Env(), handle_ != nullptr && handle_->tls ? handle_->tls->Problem() : "");
}

Napi::Value ByteSocket::PeerCertificate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (handle_ == nullptr || !handle_->tls || handle_->handshaking) return env.Undefined();
  std::vector<uint8_t> der = handle_->tls->PeerCertificate();
  if (der.empty()) return env.Undefined();
  return Napi::Buffer<uint8_t>::Copy(env, der.data(), der.size());
}

void ByteSocket::Close(const Napi::CallbackInfo &) {
  if (handle_ != nullptr) handle_->Close();
}

}  // namespace roam
