#ifndef ROAM_RDMACM_SOCKET_ADDRESS_H
#define ROAM_RDMACM_SOCKET_ADDRESS_H

#include <napi.h>
#include <sys/socket.h>

namespace roam {

// An IP address and a port, as {address, port} in JavaScript: names are resolved there.
class SocketAddress {
 public:
  // Throws a TypeError for text that is no address.
  SocketAddress(Napi::Env env, Napi::Value address, uint16_t port);

  sockaddr *Get() { return reinterpret_cast<sockaddr *>(&storage_); }

  // Undefined for a socket address that is neither IPv4 nor IPv6, such as one that is not known yet.
  static Napi::Value Object(Napi::Env env, const sockaddr *address);

 private:
  sockaddr_storage storage_ = {};
};

}  // namespace roam

#endif
