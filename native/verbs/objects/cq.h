#ifndef ROAM_VERBS_OBJECTS_CQ_H
#define ROAM_VERBS_OBJECTS_CQ_H

#include <napi.h>

namespace roam {

//   channelCreate(context) -> Channel with fd
//   channelEvents(channel, limit) -> number[]   ids of the CQs that have events, each as often as it has,
//                                               acknowledged; the descriptor must not block
//   cqCreate(context, depth, channel?, vector) -> Cq with depth, completions (an ArrayBuffer that cqPoll
//                                               fills with records of 64 bytes, layout in cq.cc)
//   cqResize(cq, depth) -> depth
//   cqArm(cq, solicitedOnly)
//   cqPoll(cq, limit) -> how many records
void DefineCq(Napi::Env env, Napi::Object exports);

}  // namespace roam

#endif
