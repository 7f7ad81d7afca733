#ifndef ROAM_VERBS_OBJECTS_CQ_H
#define ROAM_VERBS_OBJECTS_CQ_H

#include <napi.h>

namespace roam {

//   channelCreate(context) -> Channel with fd
//   channelEvents(channel, limit) -> number[]   ids of the CQs that have events, each as often as it has,
//                                               acknowledged; the descriptor must not block
//   cqCreate(context, depth, channel?, vector) -> Cq with depth and the method
//     poll(records, patience, least) -> how many records (64 bytes each, layout in poll.cc) it has written; looks
//                                       again for so many microseconds while there are less than `least`
//   cqResize(cq, depth) -> depth
//   cqArm(cq, solicitedOnly)
void DefineCq(Napi::Env env, Napi::Object exports);

}  // namespace roam

#endif
