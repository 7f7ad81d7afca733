#ifndef ROAM_UTIL_SYSTEM_ERROR_H
#define ROAM_UTIL_SYSTEM_ERROR_H

#include <napi.h>

#include <string>

namespace roam {

// The symbolic name of an errno value ("EAGAIN"), or "E<number>" for one that libc does not name.
std::string ErrnoName(int err);

// A JavaScript Error with the properties that Node's own system errors have: code, errno (positive),
// syscall.  `what` adds the object that the call was about, such as a path or "pid 17".
Napi::Error SystemError(Napi::Env env, const char *syscall, int err, const std::string &what = "");

}  // namespace roam

#endif
