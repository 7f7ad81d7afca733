#include <napi.h>

#include "devices.h"
#include "objects/context.h"
#include "objects/cq.h"
#include "objects/memory.h"
#include "objects/qp.h"
#include "rxe.h"

namespace roam {

// One instance per environment.  What it opened and did not close is closed with it.
class VerbsAddon : public Napi::Addon<VerbsAddon> {
 public:
  VerbsAddon(Napi::Env env, Napi::Object exports) {
    DefineAddon(exports, {});
    exports.Set("listDevices", Napi::Function::New<ListDevices>(env, "listDevices"));
    DefineRxe(env, exports);
    DefineContext(env, exports, &contexts_);
    DefineMemory(env, exports);
    DefineCq(env, exports);
    DefineQp(env, exports);
    DefineSrq(env, exports);
  }

 private:
  OpenContexts contexts_;
};

NODE_API_ADDON(VerbsAddon)

}  // namespace roam
