#ifndef ROAM_VERBS_OBJECTS_CONTEXT_H
#define ROAM_VERBS_OBJECTS_CONTEXT_H

#include <napi.h>

#include <memory>
#include <vector>

#include "resource.h"

namespace roam {

// The contexts that one environment has opened: what it has not closed at its end is closed then.
class OpenContexts {
 public:
  ~OpenContexts();
  void Add(const std::shared_ptr<ContextResource> &context);

 private:
  std::vector<std::weak_ptr<ContextResource>> contexts_;
};

//   contextOpen(device) -> Context
//   contextClose(context)                      EBUSY while it has objects
//   contextFds(context) -> {command, async}    owned by the context
//   contextDevice(context) -> object           ibv_query_device(3)
//   contextPort(context, port) -> object       ibv_query_port(3)
//   contextGids(context) -> object[]           ibv_query_gid_table(3)
//   contextEvent(context) -> {type, id?, port?} | undefined
//                                              ibv_get_async_event(3), acknowledged; the descriptor must
//                                              not block
void DefineContext(Napi::Env env, Napi::Object exports, OpenContexts *contexts);

}  // namespace roam

#endif
