#ifndef ROAM_VERBS_OBJECTS_RESOURCE_H
#define ROAM_VERBS_OBJECTS_RESOURCE_H

#include <infiniband/verbs.h>

#include <cstdint>
#include <memory>
#include <unordered_map>

namespace roam {

class ContextResource;

// Order in which what is left of a context is destroyed when its environment ends: users before what they
// use.  A window that is bound holds the QP that bound it: rxe waits 50 s for it to let go.
enum class Kind : uint8_t { kMw, kQp, kSrq, kAh, kCq, kChannel, kXrcd, kMr, kPd, kCount };

// One verbs object.
//
// Invariants.  It belongs to the thread of one environment.  Its context knows it from Adopt() until its
// Destroy() succeeds, so that losing the JavaScript handle destroys nothing, and it holds what it was made
// of, so that no parent's memory goes first.  Destroy() that fails leaves it as it was.
class Resource {
 public:
  Resource(std::shared_ptr<ContextResource> context, Kind kind);
  virtual ~Resource() = default;
  Resource(const Resource &) = delete;
  Resource &operator=(const Resource &) = delete;

  // 0, or an errno; 0 also for what is destroyed already.
  int Destroy();
  bool Alive() const { return alive_; }
  // Unique in the process, so that an object of another context is never taken for one of this; never 0.
  uint32_t Id() const { return id_; }
  Kind GetKind() const { return kind_; }
  const std::shared_ptr<ContextResource> &Context() const { return context_; }
  // Its context is closed with the object in it: nothing of it may be used any more.
  void Orphan();

 protected:
  // Called once at most with success.
  virtual int Release() = 0;
  // Lets go of other objects of the context.
  virtual void LetGo() {}

 private:
  std::shared_ptr<ContextResource> context_;
  const uint32_t id_;
  const Kind kind_;
  bool alive_ = true;
};

class MrResource;
class WorkQueue;

class ContextResource : public std::enable_shared_from_this<ContextResource> {
 public:
  explicit ContextResource(ibv_context *context) : context_(context) {}
  ~ContextResource() { CloseAll(); }
  ContextResource(const ContextResource &) = delete;
  ContextResource &operator=(const ContextResource &) = delete;

  ibv_context *Get() const { return context_; }
  bool Open() const { return context_ != nullptr; }
  // EBUSY while it has objects.
  int Close();
  // Destroys every object and the context, whatever each call answers: for the end of an environment.
  void CloseAll();

  void Adopt(std::shared_ptr<Resource> resource);
  void Forget(uint32_t id) { resources_.erase(id); }

  // By id; nullptr for one that is gone, or of another kind.
  Resource *Find(uint32_t id, Kind kind) const;

  // Work queues by the number that their completions carry.
  uint32_t AddQueue(WorkQueue *queue);
  void RemoveQueue(uint32_t number);
  WorkQueue *FindQueue(uint32_t number);

 private:
  ibv_context *context_;
  uint32_t next_queue_ = 1;
  std::unordered_map<uint32_t, std::shared_ptr<Resource>> resources_;
  std::unordered_map<uint32_t, WorkQueue *> queues_;
  // Completions come in runs of one queue.
  uint32_t last_number_ = 0;
  WorkQueue *last_queue_ = nullptr;
};

}  // namespace roam

#endif
