#include "seqpacket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vector>

#include "../util/arguments.h"
#include "../util/system_error.h"
#include "../util/unique_fd.h"

namespace roam {
namespace {

// SCM_MAX_FD of Linux: no message carries more, so a control buffer of this size is never too small.
constexpr size_t kMaxFds = 253;

std::string OnFd(int fd) { return "fd " + std::to_string(fd); }

std::vector<int> FdList(const Napi::CallbackInfo &info, size_t index) {
  std::vector<int> fds;
  if (info.Length() <= index || info[index].IsUndefined()) return fds;
  if (!info[index].IsArray()) throw Napi::TypeError::New(info.Env(), "fds must be an array");
  Napi::Array list = info[index].As<Napi::Array>();
  if (list.Length() > kMaxFds) throw Napi::RangeError::New(info.Env(), "at most 253 descriptors per message");
  for (uint32_t i = 0; i < list.Length(); i++) {
    Napi::Value item = list.Get(i);
    if (!item.IsNumber()) throw Napi::TypeError::New(info.Env(), "fds must be an array of numbers");
    fds.push_back(item.As<Napi::Number>().Int32Value());
  }
  return fds;
}

std::vector<UniqueFd> TakeFds(msghdr *message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr *control = CMSG_FIRSTHDR(message); control != nullptr; control = CMSG_NXTHDR(message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Napi::Value SocketPair(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    throw SystemError(env, "socketpair", errno);
  UniqueFd first(fds[0]), second(fds[1]);
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, first.Get());
  pair.Set(1u, second.Get());
  first.Release();
  second.Release();
  return pair;
}

Napi::Value Connect(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsString()) throw Napi::TypeError::New(env, "path must be a string");
  std::string path = info[0].As<Napi::String>().Utf8Value();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    throw SystemError(env, "connect", path.empty() ? EINVAL : ENAMETOOLONG, path);
  memcpy(address.sun_path, path.data(), path.size());

  // Not blocking: a server whose queue is full must not hold up the event loop, and gives EAGAIN.
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.Get() < 0) throw SystemError(env, "socket", errno);
  if (connect(fd.Get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
    throw SystemError(env, "connect", errno, path);
  return Napi::Number::New(env, fd.Release());
}

Napi::Value Send(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  int fd = FdArgument(info, 0);
  if (info.Length() < 2 || !info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(env, "data must be a Uint8Array");
  Napi::Uint8Array data = info[1].As<Napi::Uint8Array>();
  std::vector<int> fds = FdList(info, 2);

  iovec part = {data.Data(), data.ByteLength()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  std::vector<char> control;
  if (!fds.empty()) {
    control.resize(CMSG_SPACE(fds.size() * sizeof(int)));
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }

  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) return Napi::Boolean::New(env, true);
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Napi::Boolean::New(env, false);
  throw SystemError(env, "sendmsg", errno, OnFd(fd));
}

Napi::Value Receive(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  int fd = FdArgument(info, 0);

  // With MSG_TRUNC the return value is the size of the whole message, also when the buffer is smaller.
  ssize_t size;
  do size = recv(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Napi::Boolean::New(env, false);
  if (size < 0) throw SystemError(env, "recv", errno, OnFd(fd));

  Napi::Uint8Array data = Napi::Uint8Array::New(env, static_cast<size_t>(size));
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))];
  iovec part = {data.Data(), static_cast<size_t>(size)};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;

  ssize_t got;
  do got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) throw SystemError(env, "recvmsg", errno, OnFd(fd));

  std::vector<UniqueFd> fds = TakeFds(&message);
  // Half a message, or a message without some of its descriptors, must not look whole: a second reader
  // of this socket took the one that was measured, or the limit of open files is reached.
  if (message.msg_flags & MSG_CTRUNC) throw SystemError(env, "recvmsg", EMFILE, OnFd(fd));
  if (message.msg_flags & MSG_TRUNC || got > size) throw SystemError(env, "recvmsg", EMSGSIZE, OnFd(fd));
  // An empty message cannot be told from the end of the stream, and nobody sends one here.
  if (got == 0 && fds.empty()) return env.Null();

  Napi::Array numbers = Napi::Array::New(env, fds.size());
  for (size_t i = 0; i < fds.size(); i++) numbers.Set(static_cast<uint32_t>(i), fds[i].Get());
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", got == size ? data
                                 : Napi::Uint8Array::New(env, static_cast<size_t>(got), data.ArrayBuffer(), 0));
  result.Set("fds", numbers);
  for (UniqueFd &one : fds) one.Release();
  return result;
}

}  // namespace roam
