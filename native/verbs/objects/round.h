#ifndef ROAM_VERBS_OBJECTS_ROUND_H
#define ROAM_VERBS_OBJECTS_ROUND_H

#include <napi.h>

#include <memory>

#include "objects.h"

namespace roam {

// A round: requests that are posted and a CQ that is polled then, fixed once, so that doing both is one call without
// arguments.
//
// Gives the handle of a QP or SRQ its methods
//   sendRound(records, stride, first, count, cq, completions, patience, least) -> round
//   receiveRound(the same) -> round
// where the requests are copied, `cq` is a CQ of the same context, and what follows is as for its method poll().
//   round() -> how many completions; with any argument, without patience
// When it is the poll that fails, the error has `posted`, as when the posting does.
void SetRoundMethods(Napi::Env env, Napi::Object handle, const std::shared_ptr<QpResource> &qp);
void SetRoundMethods(Napi::Env env, Napi::Object handle, const std::shared_ptr<SrqResource> &srq);

}  // namespace roam

#endif
