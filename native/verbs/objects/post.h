#ifndef ROAM_VERBS_OBJECTS_POST_H
#define ROAM_VERBS_OBJECTS_POST_H

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "objects.h"

namespace roam {

// Encoded work requests: so many records of `stride` bytes.
struct RequestBytes {
  const uint8_t *data;
  size_t stride;
  size_t count;
};

// Arguments `records, stride, first, count`.
RequestBytes SendArguments(const Napi::CallbackInfo &info);
RequestBytes ReceiveArguments(const Napi::CallbackInfo &info);

void Send(Napi::Env env, QpResource &qp, const RequestBytes &requests);
// Of a QP or an SRQ.
template <typename T>
void Receive(Napi::Env env, T &owner, const RequestBytes &requests);

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
