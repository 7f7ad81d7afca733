#ifndef ROAM_SYS_ZSTD_H
#define ROAM_SYS_ZSTD_H

#include <napi.h>

namespace roam {

// zstdVersion() -> "1.5.7" | undefined: of the system's libzstd, which is looked for at run time.
Napi::Value ZstdVersion(const Napi::CallbackInfo &info);

// zstdCompress(bytes, level) -> Promise<Buffer>: one frame, made on a thread of libuv's pool.
// `bytes` must not change until then.
Napi::Value ZstdCompress(const Napi::CallbackInfo &info);

// zstdDecompress(bytes, length) -> Promise<Buffer>: rejects unless exactly `length` bytes come out.
Napi::Value ZstdDecompress(const Napi::CallbackInfo &info);

}  // namespace roam

#endif
