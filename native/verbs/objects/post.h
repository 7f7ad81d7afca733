#ifndef ROAM_VERBS_OBJECTS_POST_H
#define ROAM_VERBS_OBJECTS_POST_H

#include <napi.h>

#include <memory>

#include "objects.h"

namespace roam {

// Work requests come as records in a Uint8Array, so that posting allocates nothing; layouts in post.cc
// and src/verbs/work-request.ts.  A refused request ends the posting: the error has `posted`, how many
// were accepted before it.
//
// Gives the handle of a QP or SRQ its methods
//   postSend(records, stride, first, count)
//   postReceive(records, stride, first, count)
void SetPostMethods(Napi::Env env, Napi::Object handle, const std::shared_ptr<QpResource> &qp);
void SetPostMethods(Napi::Env env, Napi::Object handle, const std::shared_ptr<SrqResource> &srq);

}  // namespace roam

#endif
