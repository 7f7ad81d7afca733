#ifndef ROAM_SYS_PIDFD_H
#define ROAM_SYS_PIDFD_H

#include <napi.h>

namespace roam {

// pidfdOpen(pid) -> fd: pidfd_open(2), close-on-exec.
Napi::Value PidfdOpen(const Napi::CallbackInfo &info);

// pidfdGetfd(pidfd, targetFd) -> fd: pidfd_getfd(2), a duplicate of another process's descriptor.
Napi::Value PidfdGetfd(const Napi::CallbackInfo &info);

// pidfdSendSignal(pidfd, signal): pidfd_send_signal(2); signal 0 only probes.
void PidfdSendSignal(const Napi::CallbackInfo &info);

// closeFd(fd): close(2).
void CloseFd(const Napi::CallbackInfo &info);

}  // namespace roam

#endif
