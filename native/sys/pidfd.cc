#include "pidfd.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../util/arguments.h"
#include "../util/system_error.h"

// By number: glibc has wrappers only since 2.36, and its own header clashes with linux/pidfd.h.
namespace roam {

Napi::Value PidfdOpen(const Napi::CallbackInfo &info) {
  int pid = PidArgument(info, 0);
  long fd = syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) throw SystemError(info.Env(), "pidfd_open", errno, "pid " + std::to_string(pid));
  return Napi::Number::New(info.Env(), static_cast<double>(fd));
}

Napi::Value PidfdGetfd(const Napi::CallbackInfo &info) {
  int pidfd = FdArgument(info, 0, "pidfd");
  int target = FdArgument(info, 1, "targetFd");
  long fd = syscall(SYS_pidfd_getfd, pidfd, target, 0);
  if (fd < 0) throw SystemError(info.Env(), "pidfd_getfd", errno, "fd " + std::to_string(target));
  return Napi::Number::New(info.Env(), static_cast<double>(fd));
}

void PidfdSendSignal(const Napi::CallbackInfo &info) {
  int pidfd = FdArgument(info, 0, "pidfd");
  int signal = static_cast<int>(IntegerArgument(info, 1, "signal", 0, SIGRTMAX));
  if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) != 0)
    throw SystemError(info.Env(), "pidfd_send_signal", errno, "signal " + std::to_string(signal));
}

void CloseFd(const Napi::CallbackInfo &info) {
  int fd = FdArgument(info, 0);
  // Not repeated on EINTR: on Linux the descriptor is gone, and its number may be someone else's by now.
  if (close(fd) != 0 && errno != EINTR) throw SystemError(info.Env(), "close", errno, "fd " + std::to_string(fd));
}

}  // namespace roam
