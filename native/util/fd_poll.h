#ifndef ROAM_UTIL_FD_POLL_H
#define ROAM_UTIL_FD_POLL_H

#include <napi.h>

namespace roam {

// JavaScript class FdPoll(fd, callback): tells when a descriptor is readable or writable.
//
//   start(events)  1: readable, 2: writable; callback(errno, events) on each report until stop()
//   stop()         no callback after it returns
//   close()        lets go of the descriptor, which may be closed at once afterwards; idempotent
//   ref(), unref() whether a started poll keeps the process alive (it does at first)
//
// It does not own the descriptor, and it makes it non-blocking.  While started it keeps itself from
// being collected.  Beside it only sys/byte_socket.cc uses libuv.
class FdPoll : public Napi::ObjectWrap<FdPoll> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit FdPoll(const Napi::CallbackInfo &info);
  ~FdPoll() override;

 private:
  struct Handle;

  void Start(const Napi::CallbackInfo &info);
  void Stop(const Napi::CallbackInfo &info);
  void Close(const Napi::CallbackInfo &info);
  void KeepAlive(const Napi::CallbackInfo &info);
  void LetExit(const Napi::CallbackInfo &info);
  void StopPolling();
  void Detach();

  Handle *handle_ = nullptr;
  bool started_ = false;
};

}  // namespace roam

#endif
