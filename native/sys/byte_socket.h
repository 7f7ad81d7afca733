#ifndef ROAM_SYS_BYTE_SOCKET_H
#define ROAM_SYS_BYTE_SOCKET_H

#include <napi.h>

namespace roam {

// JavaScript class ByteSocket(fd, callback): a stream socket for much data in large pieces.
//
//   read(bytes, least)  fills `bytes`, as far as something comes, and at least with `least`; returns how
//                       many came if they are there (fewer than `least`: the stream has ended), or -1:
//                       callback(0, errno, count) tells later.  One read at a time.
//   write(parts)        sends an array of Uint8Array in order, after what was written before; true when
//                       all of it has left, or false: callback(1, errno, 0) tells when nothing waits.
//                       The parts must not change until then.
//   end()               nothing more is written: the other end hears so when all has left; returns as write() does
//   secure(server, cert, key)  from here on TLS 1.3, with a certificate and a key in DER; true, or false:
//                       callback(2, errno, 0) tells when the handshake is over.  Nothing may be read or written
//                       before.  See tls_stream.h: the certificate of the other end has to be compared.
//   peerCertificate()   DER, or undefined: it has shown none
//   problem()           what was wrong with TLS, in words
//   close()             no callback after it returns; idempotent
//
// It has a descriptor of its own for the same socket (dup(2)).  A piece that comes in many parts is
// put together here, because each turn of the event loop through JavaScript costs as much as copying it.
class ByteSocket : public Napi::ObjectWrap<ByteSocket> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit ByteSocket(const Napi::CallbackInfo &info);
  ~ByteSocket() override;

 private:
  struct Handle;

  Napi::Value Read(const Napi::CallbackInfo &info);
  Napi::Value Write(const Napi::CallbackInfo &info);
  Napi::Value End(const Napi::CallbackInfo &info);
  Napi::Value Secure(const Napi::CallbackInfo &info);
  Napi::Value PeerCertificate(const Napi::CallbackInfo &info);
  Napi::Value Problem(const Napi::CallbackInfo &info);
  void Close(const Napi::CallbackInfo &info);
  Napi::Value Go(Napi::Env env);

  Handle *handle_ = nullptr;
};

}  // namespace roam

#endif
