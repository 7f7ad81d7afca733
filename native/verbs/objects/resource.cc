#include "resource.h"

#include <errno.h>

#include <atomic>
#include <vector>

namespace roam {
namespace {

// Of all threads.
std::atomic<uint32_t> next_id{1};

}  // namespace

Resource::Resource(std::shared_ptr<ContextResource> context, Kind kind)
    : context_(std::move(context)), id_(next_id++), kind_(kind) {}

int Resource::Destroy() {
  if (!alive_) return 0;
  int err = Release();
  if (err != 0) return err;
  alive_ = false;
  // May free this object: the context may have been its last owner.
  std::shared_ptr<ContextResource> context = context_;
  context->Forget(id_);
  return 0;
}

void Resource::Orphan() {
  if (!alive_) return;
  alive_ = false;
  LetGo();
}

int ContextResource::Close() {
  if (context_ == nullptr) return 0;
  if (!resources_.empty()) return EBUSY;
  // After a failure the descriptor is gone all the same, as with close(2).
  int err = ibv_close_device(context_) == 0 ? 0 : errno;
  context_ = nullptr;
  return err;
}

void ContextResource::CloseAll() {
  if (context_ == nullptr) return;
  std::vector<std::shared_ptr<Resource>> ordered[static_cast<size_t>(Kind::kCount)];
  for (auto &entry : resources_) ordered[static_cast<size_t>(entry.second->GetKind())].push_back(entry.second);
  for (auto &group : ordered)
    for (auto &resource : group)
      if (resource->Destroy() != 0) resource->Orphan();
  // What could not be destroyed goes with the descriptor.
  resources_.clear();
  ibv_close_device(context_);
  context_ = nullptr;
}

void ContextResource::Adopt(std::shared_ptr<Resource> resource) {
  uint32_t id = resource->Id();
  resources_.emplace(id, std::move(resource));
}

Resource *ContextResource::Find(uint32_t id, Kind kind) const {
  auto found = resources_.find(id);
  if (found == resources_.end() || found->second->GetKind() != kind) return nullptr;
  return found->second.get();
}

uint32_t ContextResource::AddQueue(WorkQueue *queue) {
  uint32_t number = next_queue_++;
  queues_.emplace(number, queue);
  return number;
}

void ContextResource::RemoveQueue(uint32_t number) {
  queues_.erase(number);
  if (last_number_ == number) last_number_ = 0;
}

WorkQueue *ContextResource::FindQueue(uint32_t number) {
  if (number == last_number_ && number != 0) return last_queue_;
  auto found = queues_.find(number);
  if (found == queues_.end()) return nullptr;
  last_number_ = number;
  last_queue_ = found->second;
  return last_queue_;
}

}  // namespace roam
