#include "poll.h"

#include <arpa/inet.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <sched.h>

#include <algorithm>
#include <limits>

#include "../../util/arguments.h"
#include "../../util/system_error.h"

namespace roam {

// What JavaScript reads of one completion; src/verbs/completion.ts knows the offsets.
struct Completion {
  double wr_id;
  uint32_t status;
  uint32_t opcode;
  uint32_t vendor_error;
  uint32_t byte_length;
  // Host order; the invalidated rkey instead where the flags say so.
  uint32_t immediate;
  uint32_t qpn;
  uint32_t source_qpn;
  uint32_t flags;
  uint32_t receive;
  uint32_t source_lid;
  uint32_t service_level;
  uint32_t pkey_index;
  uint32_t reserved[2];
};
static_assert(sizeof(Completion) == 64, "src/verbs/completion.ts reads records of 64 bytes");

namespace {

// Completions taken from the device at once.
constexpr int kBatch = 64;

using Clock = std::chrono::steady_clock;
// After so long without a completion another thread may have the processor between two looks: what the
// completion waits for may need it, as rxe does, whose protocol runs in kernel threads.
constexpr std::chrono::microseconds kAlone{20};
constexpr int64_t kMostPatience = 1000000;

// False for the completion of a request that nobody knows: its QP is destroyed.
bool Fill(ContextResource &context, const ibv_wc &wc, Completion *to) {
  WorkQueue *queue = context.FindQueue(WorkQueue::QueueOf(wc.wr_id));
  double wr_id = 0;
  if (queue == nullptr || !queue->Complete(WorkQueue::SlotOf(wc.wr_id), &wr_id)) return false;
  // Of a failed one, verbs defines only wr_id, status, qp_num and vendor_err.
  bool good = wc.status == IBV_WC_SUCCESS;
  unsigned flags = good ? static_cast<unsigned>(wc.wc_flags) : 0;
  *to = Completion{};
  to->wr_id = wr_id;
  to->status = wc.status;
  to->vendor_error = wc.vendor_err;
  to->qpn = wc.qp_num;
  to->receive = queue->Receives() ? 1 : 0;
  if (!good) return true;
  to->opcode = wc.opcode;
  to->byte_length = wc.byte_len;
  to->flags = flags;
  if (flags & IBV_WC_WITH_INV)
    to->immediate = wc.invalidated_rkey;
  else if (flags & IBV_WC_WITH_IMM)
    to->immediate = ntohl(wc.imm_data);
  to->source_qpn = wc.src_qp;
  to->source_lid = wc.slid;
  to->service_level = wc.sl;
  to->pkey_index = wc.pkey_index;
  return true;
}

// Tells the processor that this is a loop that waits: it may give its means to a sibling, an emulator to another
// processor.
void Relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Takes up to `limit` completions that are there.
size_t Take(Napi::Env env, CqResource &cq, Completion *records, size_t limit) {
  size_t count = 0;
  while (count < limit) {
    ibv_wc wcs[kBatch];
    int wanted = static_cast<int>(std::min<size_t>(limit - count, kBatch));
    int found = ibv_poll_cq(cq.cq, wanted, wcs);
    if (found < 0) throw SystemError(env, "ibv_poll_cq", found == -1 && errno != 0 ? errno : EIO);
    for (int i = 0; i < found; i++)
      if (Fill(*cq.Context(), wcs[i], &records[count])) count++;
    if (found < wanted) break;
  }
  return count;
}

}  // namespace

CompletionRoom RoomOf(Napi::Env env, Napi::Value value) {
  Bytes room = BytesOf(env, value);
  if (reinterpret_cast<uintptr_t>(room.data) % alignof(Completion) != 0)
    throw Napi::RangeError::New(env, "the records must be aligned to 8 bytes");
  return {reinterpret_cast<Completion *>(room.data), room.length / sizeof(Completion)};
}

Patience PatienceArguments(const Napi::CallbackInfo &info, size_t index) {
  return {std::chrono::microseconds{IntegerArgument(info, index, "patience", 0, kMostPatience)},
          static_cast<size_t>(IntegerArgument(info, index + 1, "least", 1, std::numeric_limits<int32_t>::max()))};
}

size_t Poll(Napi::Env env, CqResource &cq, CompletionRoom room, Patience patience) {
  size_t least = std::min(patience.least, room.limit);
  size_t count = Take(env, cq, room.records, room.limit);
  if (count >= least || patience.time.count() == 0) return count;
  Clock::time_point start = Clock::now();
  for (Clock::duration waited{}; waited < patience.time; waited = Clock::now() - start) {
    Relax();
    if (waited > kAlone) sched_yield();
    count += Take(env, cq, room.records + count, room.limit - count);
    // Before the clock is read again: whoever waits for it is to know at once.
    if (count >= least) break;
  }
  return count;
}

}  // namespace roam
