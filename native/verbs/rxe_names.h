#ifndef ROAM_VERBS_RXE_NAMES_H
#define ROAM_VERBS_RXE_NAMES_H

#include <cstdint>
#include <string>
#include <vector>

namespace roam {

// Values that this build does not know read UNKNOWN(n): a newer module is no reason to fail.
std::string QpStateName(uint32_t state);
std::string QpTypeName(uint32_t type);
std::string ObjectTypeName(uint32_t type);
std::string ContextStateName(uint32_t state);

// The bits of enum roam_rxe_state, in the order of their weight: "stopped", "paused", "resuming".
std::vector<std::string> MigrationFlags(uint32_t bits);

}  // namespace roam

#endif
