#include <napi.h>

#include "devices.h"
#include "rxe.h"

namespace roam {

// One instance per environment; the addon keeps no state of its own, descriptors belong to the caller.
class VerbsAddon : public Napi::Addon<VerbsAddon> {
 public:
  VerbsAddon(Napi::Env env, Napi::Object exports) {
    DefineAddon(exports, {});
    exports.Set("listDevices", Napi::Function::New<ListDevices>(env, "listDevices"));
    DefineRxe(env, exports);
  }
};

NODE_API_ADDON(VerbsAddon)

}  // namespace roam
