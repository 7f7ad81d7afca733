#ifndef ROAM_VERBS_OBJECTS_FIELDS_H
#define ROAM_VERBS_OBJECTS_FIELDS_H

#include <napi.h>

#include <cstdint>
#include <limits>
#include <string>

#include "../../util/arguments.h"

namespace roam {

// The properties of an options object, checked as they are read; errors name the property.
class Fields {
 public:
  Fields(Napi::Env env, Napi::Value value) : env_(env) {
    if (!value.IsObject()) throw Napi::TypeError::New(env, "options must be an object");
    object_ = value.As<Napi::Object>();
  }

  bool Has(const char *name) const {
    Napi::Value value = object_.Get(name);
    return !value.IsUndefined() && !value.IsNull();
  }
  Napi::Value Get(const char *name) const { return object_.Get(name); }

  // Zero when it is absent.
  template <typename T>
  T Number(const char *name) const {
    static_assert(sizeof(T) <= 4, "wider values are read as bigint");
    Napi::Value value = object_.Get(name);
    if (value.IsUndefined() || value.IsNull()) return 0;
    return static_cast<T>(CheckedInteger(env_, value, name, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
  }
  bool Flag(const char *name) const { return object_.Get(name).ToBoolean(); }
  bool Bytes(const char *name, uint8_t *to, size_t length) const {
    Napi::Value value = object_.Get(name);
    if (value.IsUndefined()) return false;
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().ByteLength() != length ||
        value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
      throw Napi::TypeError::New(env_, std::string(name) + " must be a Uint8Array of " + std::to_string(length) + " bytes");
    const uint8_t *from = value.As<Napi::Uint8Array>().Data();
    for (size_t i = 0; i < length; i++) to[i] = from[i];
    return true;
  }

 private:
  Napi::Env env_;
  Napi::Object object_;
};

}  // namespace roam

#endif
