#ifndef ROAM_SYS_SEQPACKET_H
#define ROAM_SYS_SEQPACKET_H

#include <napi.h>

namespace roam {

// socketpair() -> [fd, fd]: a pair of AF_UNIX SOCK_SEQPACKET sockets, both close-on-exec.
Napi::Value SocketPair(const Napi::CallbackInfo &info);

// connect(path) -> fd: a close-on-exec SOCK_SEQPACKET socket, connected to the one that listens at `path`.
Napi::Value Connect(const Napi::CallbackInfo &info);

// send(fd, bytes, fds) -> boolean: one message with `fds` as SCM_RIGHTS; false when it would block.
Napi::Value Send(const Napi::CallbackInfo &info);

// receive(fd) -> {data, fds} | null | false: one whole message of whatever size; null at the end of the
// stream, false when there is none yet.  The received descriptors are close-on-exec and the caller's.
Napi::Value Receive(const Napi::CallbackInfo &info);

}  // namespace roam

#endif
