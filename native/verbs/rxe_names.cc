#include "rxe_names.h"

#include <roam_rxe_client.h>

#include <cstdio>

namespace roam {
namespace {

std::string Known(const char *name, uint32_t value) {
  std::string text = name;
  return text == "?" ? "UNKNOWN(" + std::to_string(value) + ")" : text;
}

}  // namespace

std::string QpStateName(uint32_t state) { return Known(rxe_client_qp_state_name(state), state); }
std::string QpTypeName(uint32_t type) { return Known(rxe_client_qp_type_name(type), type); }
std::string ObjectTypeName(uint32_t type) { return Known(rxe_client_type_name(type), type); }

std::string ContextStateName(uint32_t state) {
  switch (state) {
    case ROAM_RXE_CTX_LIVE:
      return "live";
    case ROAM_RXE_CTX_RESTORING:
      return "restoring";
    case ROAM_RXE_CTX_PINNED:
      return "pinned";
    default:
      return Known("?", state);
  }
}

std::vector<std::string> MigrationFlags(uint32_t bits) {
  static const struct {
    uint32_t bit;
    const char *name;
  } flags[] = {
      {ROAM_RXE_STOPPED, "stopped"},
      {ROAM_RXE_PAUSED, "paused"},
      {ROAM_RXE_RESUMING, "resuming"},
  };
  std::vector<std::string> names;
  for (const auto &flag : flags) {
    if ((bits & flag.bit) != 0) names.emplace_back(flag.name);
    bits &= ~flag.bit;
  }
  if (bits != 0) {
    char text[32];
    snprintf(text, sizeof text, "UNKNOWN(0x%x)", bits);
    names.emplace_back(text);
  }
  return names;
}

}  // namespace roam
