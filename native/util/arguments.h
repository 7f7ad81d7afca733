#ifndef ROAM_UTIL_ARGUMENTS_H
#define ROAM_UTIL_ARGUMENTS_H

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace roam {

// `value` as an integer within [min, max]; a TypeError or RangeError that names it otherwise.  Silent
// truncation of a descriptor or pid would act on a stranger's.
inline int64_t CheckedInteger(Napi::Env env, Napi::Value value, const char *name, int64_t min, int64_t max) {
  if (!value.IsNumber()) throw Napi::TypeError::New(env, std::string(name) + " must be a number");
  double number = value.As<Napi::Number>().DoubleValue();
  if (std::trunc(number) != number || number < static_cast<double>(min) || number > static_cast<double>(max))
    throw Napi::RangeError::New(env, std::string(name) + " must be an integer from " + std::to_string(min) + " to " +
                                         std::to_string(max));
  return static_cast<int64_t>(number);
}

// Argument `index` as an integer.
inline int64_t IntegerArgument(const Napi::CallbackInfo &info, size_t index, const char *name, int64_t min,
                               int64_t max) {
  return CheckedInteger(info.Env(), info[index], name, min, max);
}

inline int FdArgument(const Napi::CallbackInfo &info, size_t index, const char *name = "fd") {
  return static_cast<int>(IntegerArgument(info, index, name, 0, std::numeric_limits<int>::max()));
}

inline int PidArgument(const Napi::CallbackInfo &info, size_t index, const char *name = "pid") {
  return static_cast<int>(IntegerArgument(info, index, name, 1, std::numeric_limits<int>::max()));
}

}  // namespace roam

#endif
