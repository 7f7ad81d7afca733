#include <napi.h>

#include "../util/fd_poll.h"
#include "byte_socket.h"
#include "digest.h"
#include "pidfd.h"
#include "seqpacket.h"
#include "tls_stream.h"
#include "zstd.h"

namespace roam {

// One instance per environment, so that worker threads share nothing.
class SysAddon : public Napi::Addon<SysAddon> {
 public:
  SysAddon(Napi::Env env, Napi::Object exports) {
    DefineAddon(exports, {});
    exports.Set("socketpair", Napi::Function::New<SocketPair>(env, "socketpair"));
    exports.Set("connect", Napi::Function::New<Connect>(env, "connect"));
    exports.Set("send", Napi::Function::New<Send>(env, "send"));
    exports.Set("receive", Napi::Function::New<Receive>(env, "receive"));
    exports.Set("pidfdOpen", Napi::Function::New<PidfdOpen>(env, "pidfdOpen"));
    exports.Set("pidfdGetfd", Napi::Function::New<PidfdGetfd>(env, "pidfdGetfd"));
    exports.Set("pidfdSendSignal", Napi::Function::New<PidfdSendSignal>(env, "pidfdSendSignal"));
    exports.Set("closeFd", Napi::Function::New<CloseFd>(env, "closeFd"));
    exports.Set("digestPages", Napi::Function::New<DigestPages>(env, "digestPages"));
    exports.Set("zstdVersion", Napi::Function::New<ZstdVersion>(env, "zstdVersion"));
    exports.Set("zstdCompress", Napi::Function::New<ZstdCompress>(env, "zstdCompress"));
    exports.Set("zstdDecompress", Napi::Function::New<ZstdDecompress>(env, "zstdDecompress"));
    exports.Set("canSecure", Napi::Function::New(env, [](const Napi::CallbackInfo &info) {
                  return Napi::Boolean::New(info.Env(), TlsStream::Available());
                }, "canSecure"));
    exports.Set("ByteSocket", ByteSocket::Define(env));
    exports.Set("FdPoll", FdPoll::Define(env));
  }
};

NODE_API_ADDON(SysAddon)

}  // namespace roam
