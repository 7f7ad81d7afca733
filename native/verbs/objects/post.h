#ifndef ROAM_VERBS_OBJECTS_POST_H
#define ROAM_VERBS_OBJECTS_POST_H

#include <napi.h>

namespace roam {

// Work requests come as records in a Uint8Array, so that posting allocates nothing; layouts in post.cc
// and src/verbs/work-request.ts.  A refused request ends the posting: the error has `posted`, how many
// were accepted before it.
//
//   postSend(qp, records, stride, first, count)
//   postReceive(qp or srq, records, stride, first, count)
void DefinePost(Napi::Env env, Napi::Object exports);

}  // namespace roam

#endif
