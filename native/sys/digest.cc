#include "digest.h"

#include <dlfcn.h>

#include "../util/arguments.h"

namespace roam {
namespace {

constexpr size_t kPage = 4096;
constexpr int64_t kWord = 0xffffffff;

using Xxh64 = uint64_t (*)(const void *bytes, size_t length, uint64_t seed);

// By dlopen(3), as libzstd is: what lacks it takes a slower way.
Xxh64 Load() {
  static const Xxh64 loaded = [] {
    void *handle = dlopen("libxxhash.so.0", RTLD_NOW | RTLD_LOCAL);
    return handle == nullptr ? nullptr : reinterpret_cast<Xxh64>(dlsym(handle, "XXH64"));
  }();
  return loaded;
}

}  // namespace

Napi::Value DigestPages(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Bytes bytes = BytesArgument(info, 0);
  if (info.Length() < 2 || !info[1].IsTypedArray() ||
      info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array)
    throw Napi::TypeError::New(env, "out must be a Uint32Array");
  Napi::Uint32Array out = info[1].As<Napi::Uint32Array>();
  if (bytes.length % kPage != 0 || out.ElementLength() < bytes.length / kPage * 2)
    throw Napi::RangeError::New(env, "bytes must be whole pages, and out have two words for each");
  uint64_t low = static_cast<uint64_t>(IntegerArgument(info, 2, "low", 0, kWord));
  uint64_t high = static_cast<uint64_t>(IntegerArgument(info, 3, "high", 0, kWord));
  Xxh64 digest = Load();
  if (digest == nullptr) return Napi::Boolean::New(env, false);
  uint32_t *words = out.Data();
  for (size_t at = 0; at < bytes.length; at += kPage) {
    uint64_t value = digest(bytes.data + at, kPage, high << 32 | low);
    *words++ = static_cast<uint32_t>(value);
    *words++ = static_cast<uint32_t>(value >> 32);
  }
  return Napi::Boolean::New(env, true);
}

}  // namespace roam
