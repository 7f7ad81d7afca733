#ifndef ROAM_VERBS_GID_TEXT_H
#define ROAM_VERBS_GID_TEXT_H

#include <arpa/inet.h>

#include <cstdint>
#include <string>

namespace roam {

// A GID as an IPv6 address; one that stands for an IPv4 address reads ::ffff:10.0.0.1.
inline std::string GidText(const uint8_t gid[16]) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, gid, text, sizeof text) != nullptr ? text : "";
}

}  // namespace roam

#endif
