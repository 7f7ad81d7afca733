#include "work_queue.h"

#include "objects.h"

namespace roam {
namespace {
constexpr uint32_t kNone = UINT32_MAX;
}

WorkQueue::WorkQueue(std::shared_ptr<ContextResource> context, size_t capacity, size_t max_sge, bool ordered,
                     bool receives)
    : context_(std::move(context)),
      number_(context_->AddQueue(this)),
      max_sge_(max_sge),
      ordered_(ordered),
      receives_(receives),
      slots_(capacity),
      held_(capacity * max_sge) {
  for (size_t i = 0; i < capacity; i++) slots_[i].next_free = i + 1 < capacity ? static_cast<uint32_t>(i + 1) : kNone;
  if (capacity == 0) free_ = kNone;
}

WorkQueue::~WorkQueue() {
  Abandon();
  context_->RemoveQueue(number_);
}

bool WorkQueue::Take(double wr_id, bool signaled, uint64_t *verbs_wr_id) {
  if (used_ == slots_.size()) return false;
  uint32_t index;
  if (ordered_) {
    index = static_cast<uint32_t>((head_ + used_) % slots_.size());
  } else {
    index = free_;
    free_ = slots_[index].next_free;
    recent_.push_back(index);
  }
  used_++;
  Slot &slot = slots_[index];
  slot.wr_id = wr_id;
  slot.held = 0;
  slot.taken = true;
  slot.signaled = signaled;
  if (signaled) expected_++;
  last_ = index;
  *verbs_wr_id = static_cast<uint64_t>(number_) << 32 | index;
  return true;
}

void WorkQueue::Hold(MrResource *mr) {
  Slot &slot = slots_[last_];
  if (slot.held == max_sge_) return;
  held_[last_ * max_sge_ + slot.held++] = mr;
  mr->in_flight++;
}

void WorkQueue::Free(uint32_t index) {
  Slot &slot = slots_[index];
  for (uint32_t i = 0; i < slot.held; i++) held_[index * max_sge_ + i]->in_flight--;
  slot.held = 0;
  slot.taken = false;
  if (slot.signaled) expected_--;
  used_--;
  if (!ordered_) {
    slot.next_free = free_;
    free_ = index;
  }
}

void WorkQueue::TakeBack(size_t count) {
  for (; count > 0; count--) {
    if (ordered_) {
      Free(static_cast<uint32_t>((head_ + used_ - 1) % slots_.size()));
    } else {
      Free(recent_.back());
      recent_.pop_back();
    }
  }
}

bool WorkQueue::Complete(uint32_t index, double *wr_id) {
  if (index >= slots_.size() || !slots_[index].taken) return false;
  *wr_id = slots_[index].wr_id;
  if (!ordered_) {
    Free(index);
    return true;
  }
  for (;;) {
    uint32_t oldest = static_cast<uint32_t>(head_);
    Free(oldest);
    head_ = (head_ + 1) % slots_.size();
    if (oldest == index) return true;
  }
}

void WorkQueue::Grow(size_t capacity) {
  size_t old = slots_.size();
  if (ordered_ || capacity <= old) return;
  slots_.resize(capacity);
  held_.resize(capacity * max_sge_);
  for (size_t i = old; i < capacity; i++) {
    slots_[i].next_free = free_;
    free_ = static_cast<uint32_t>(i);
  }
}

void WorkQueue::Renumber() {
  context_->RemoveQueue(number_);
  number_ = context_->AddQueue(this);
}

void WorkQueue::Abandon() {
  for (uint32_t i = 0; i < slots_.size(); i++)
    if (slots_[i].taken) Free(i);
  head_ = 0;
  recent_.clear();
}

}  // namespace roam
