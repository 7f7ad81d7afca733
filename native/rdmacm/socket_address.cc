#include "socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string>

namespace roam {

SocketAddress::SocketAddress(Napi::Env env, Napi::Value address, uint16_t port) {
  if (!address.IsString()) throw Napi::TypeError::New(env, "address must be a string");
  std::string text = address.As<Napi::String>();
  auto *v4 = reinterpret_cast<sockaddr_in *>(&storage_);
  auto *v6 = reinterpret_cast<sockaddr_in6 *>(&storage_);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
  } else {
    throw Napi::TypeError::New(env, "\"" + text + "\" is no IP address");
  }
}

Napi::Value SocketAddress::Object(Napi::Env env, const sockaddr *address) {
  char text[INET6_ADDRSTRLEN] = "";
  uint16_t port = 0;
  if (address != nullptr && address->sa_family == AF_INET) {
    auto *v4 = reinterpret_cast<const sockaddr_in *>(address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    port = ntohs(v4->sin_port);
  } else if (address != nullptr && address->sa_family == AF_INET6) {
    auto *v6 = reinterpret_cast<const sockaddr_in6 *>(address);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    port = ntohs(v6->sin6_port);
  } else {
    return env.Undefined();
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("address", text);
  object.Set("port", port);
  return object;
}

}  // namespace roam
