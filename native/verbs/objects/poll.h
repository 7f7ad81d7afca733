#ifndef ROAM_VERBS_OBJECTS_POLL_H
#define ROAM_VERBS_OBJECTS_POLL_H

#include <napi.h>

#include <chrono>
#include <cstddef>

#include "objects.h"

namespace roam {

struct Completion;

// Where completions go.
struct CompletionRoom {
  Completion *records;
  size_t limit;
};
// The memory of a Uint8Array.
CompletionRoom RoomOf(Napi::Env env, Napi::Value value);

// How long to go on while there are less than `least`.
struct Patience {
  std::chrono::microseconds time;
  size_t least;
};
// Arguments `patience, least` from `index` on.
Patience PatienceArguments(const Napi::CallbackInfo &info, size_t index);

// Takes the completions that are there, and those that come while there is patience.  -> how many
size_t Poll(Napi::Env env, CqResource &cq, CompletionRoom room, Patience patience);

}  // namespace roam

#endif
