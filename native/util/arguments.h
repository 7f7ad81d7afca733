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
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok)
    throw Napi::TypeError::New(env, std::string(name) + " must be a number");
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

struct Bytes {
  uint8_t *data;
  size_t length;
};

// The memory of a Uint8Array.
inline Bytes BytesOf(Napi::Env env, Napi::Value value) {
  napi_typedarray_type type;
  Bytes bytes;
  void *data;
  // One call, where Napi::TypedArray makes one for each of the three.
  if (napi_get_typedarray_info(env, value, &type, &bytes.length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array)
    throw Napi::TypeError::New(env, "expected a Uint8Array");
  bytes.data = static_cast<uint8_t *>(data);
  return bytes;
}

inline Bytes BytesArgument(const Napi::CallbackInfo &info, size_t index) { return BytesOf(info.Env(), info[index]); }

inline int FdArgument(const Napi::CallbackInfo &info, size_t index, const char *name = "fd") {
  return static_cast<int>(IntegerArgument(info, index, name, 0, std::numeric_limits<int>::max()));
}

inline int PidArgument(const Napi::CallbackInfo &info, size_t index, const char *name = "pid") {
  return static_cast<int>(IntegerArgument(info, index, name, 1, std::numeric_limits<int>::max()));
}

}  // namespace roam

#endif
