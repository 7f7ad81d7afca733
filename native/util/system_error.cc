#include "system_error.h"

#include <string.h>

namespace roam {

std::string ErrnoName(int err) {
  const char *name = strerrorname_np(err);
  return name != nullptr ? std::string(name) : "E" + std::to_string(err);
}

Napi::Error SystemError(Napi::Env env, const char *syscall, int err, const std::string &what) {
  std::string message = std::string(syscall) + (what.empty() ? "" : " " + what) + ": ";
  const char *text = strerrordesc_np(err);
  message += text != nullptr ? text : "error " + std::to_string(err);
  message += " (" + ErrnoName(err) + ")";

  Napi::Error error = Napi::Error::New(env, message);
  Napi::Object fields = error.Value();
  fields.Set("code", ErrnoName(err));
  fields.Set("errno", err);
  fields.Set("syscall", syscall);
  return error;
}

}  // namespace roam
