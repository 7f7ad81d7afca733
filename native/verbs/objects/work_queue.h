#ifndef ROAM_VERBS_OBJECTS_WORK_QUEUE_H
#define ROAM_VERBS_OBJECTS_WORK_QUEUE_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "resource.h"

namespace roam {

// The work requests of one send queue, receive queue or SRQ that the device may still carry out, and the
// MRs that they read or write.
//
// A completion carries queue number and slot in its wr_id.  A send queue is ordered: the completion of
// one request tells that those before it, signalled or not, are done too.  Receives of an SRQ complete in
// any order.
class WorkQueue {
 public:
  WorkQueue(std::shared_ptr<ContextResource> context, size_t capacity, size_t max_sge, bool ordered, bool receives);
  ~WorkQueue();
  WorkQueue(const WorkQueue &) = delete;
  WorkQueue &operator=(const WorkQueue &) = delete;

  size_t InFlight() const { return used_; }
  // Those of which a completion is sure to come.
  size_t Expected() const { return expected_; }
  size_t Capacity() const { return slots_.size(); }
  size_t MaxSge() const { return max_sge_; }
  bool Receives() const { return receives_; }

  // Takes a slot, or fails when all are taken.  The slot holds nothing yet.
  bool Take(double wr_id, bool signaled, uint64_t *verbs_wr_id);
  // Adds to the slot that was taken last.
  void Hold(MrResource *mr);
  // The requests taken so far are the device's.
  void Commit() { recent_.clear(); }
  // Gives back the slots that were taken last, newest first: for requests that the device refused.
  void TakeBack(size_t count);
  // The user's number of the request, its slot (and those before it in an ordered queue) given back.
  // False for a slot that is not taken.
  bool Complete(uint32_t slot, double *wr_id);
  // Makes room for more requests; of an unordered queue only.
  void Grow(size_t capacity);
  // Gives back every slot: the device is done with the queue.
  void Abandon();
  // After Abandon(): completions of the past are nobody's any more.
  void Renumber();

  static uint32_t QueueOf(uint64_t verbs_wr_id) { return static_cast<uint32_t>(verbs_wr_id >> 32); }
  static uint32_t SlotOf(uint64_t verbs_wr_id) { return static_cast<uint32_t>(verbs_wr_id); }

 private:
  struct Slot {
    double wr_id = 0;
    uint32_t next_free = 0;
    uint32_t held = 0;
    bool taken = false;
    bool signaled = false;
  };
  void Free(uint32_t slot);

  std::shared_ptr<ContextResource> context_;
  uint32_t number_;
  const size_t max_sge_;
  const bool ordered_;
  const bool receives_;
  std::vector<Slot> slots_;
  std::vector<MrResource *> held_;
  // Ordered: a ring from head_, used_ long.  Else: a list of free slots from free_.
  size_t head_ = 0;
  size_t used_ = 0;
  size_t expected_ = 0;
  uint32_t free_ = 0;
  // Slots taken and not yet sure to stay, newest last, for TakeBack() of an unordered queue.
  std::vector<uint32_t> recent_;
  uint32_t last_ = 0;
};

}  // namespace roam

#endif
