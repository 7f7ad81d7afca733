#ifndef ROAM_SYS_DIGEST_H
#define ROAM_SYS_DIGEST_H

#include <napi.h>

namespace roam {

// digestPages(bytes, out, low, high) -> boolean: XXH64 of each 4096 bytes with the seed high:low, as two words
// (low, high) in the Uint32Array `out`.  False: the system's libxxhash, which is looked for at run time, is missing.
Napi::Value DigestPages(const Napi::CallbackInfo &info);

}  // namespace roam

#endif
