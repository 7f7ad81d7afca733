#include "devices.h"

#include <errno.h>
#include <infiniband/verbs.h>

#include <memory>

#include "../util/system_error.h"
#include "ports.h"

namespace roam {
namespace {

struct FreeList {
  void operator()(ibv_device **list) const { ibv_free_device_list(list); }
};
struct CloseDevice {
  void operator()(ibv_context *context) const { ibv_close_device(context); }
};
using Context = std::unique_ptr<ibv_context, CloseDevice>;

}  // namespace

Napi::Value ListDevices(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  int count = 0;
  errno = 0;
  std::unique_ptr<ibv_device *, FreeList> list(ibv_get_device_list(&count));
  Napi::Array devices = Napi::Array::New(env);
  if (!list) {
    // ENOSYS: the kernel has no RDMA subsystem loaded, hence no device.
    if (errno == ENOSYS || errno == ENOENT) return devices;
    throw SystemError(env, "ibv_get_device_list", errno);
  }
  for (int i = 0; i < count; i++) {
    ibv_device *found = list.get()[i];
    Napi::Object device = Napi::Object::New(env);
    device.Set("name", ibv_get_device_name(found));
    device.Set("uverbs", std::string(found->dev_name));
    device.Set("ports", Napi::Array::New(env));
    device.Set("gids", Napi::Array::New(env));
    devices.Set(static_cast<uint32_t>(i), device);

    // One device that cannot be opened must not hide the others.
    Context context(ibv_open_device(found));
    ibv_device_attr attr = {};
    int err = context ? ibv_query_device(context.get(), &attr) : errno;
    if (!context || err != 0) {
      device.Set("problem", SystemError(env, context ? "ibv_query_device" : "ibv_open_device", err).Message());
      continue;
    }
    try {
      Napi::Array ports = Napi::Array::New(env);
      for (uint32_t number = 1; number <= attr.phys_port_cnt; number++)
        ports.Set(number - 1, PortObject(env, context.get(), number));
      device.Set("ports", ports);
      device.Set("gids", GidObjects(env, context.get(), attr.phys_port_cnt));
    } catch (const Napi::Error &error) {
      device.Set("problem", error.Message());
    }
  }
  return devices;
}

}  // namespace roam
