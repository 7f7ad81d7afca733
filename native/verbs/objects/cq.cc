#include "cq.h"

#include <arpa/inet.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "../../util/arguments.h"
#include "../../util/system_error.h"
#include "handle.h"

namespace roam {
namespace {

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

// Completions taken from the device at once.
constexpr int kBatch = 64;

using Clock = std::chrono::steady_clock;
// After so long without a completion another thread may have the processor between two looks: what the
// completion waits for may need it, as rxe does, whose protocol runs in kernel threads.
constexpr std::chrono::microseconds kAlone{20};
constexpr int64_t kMostPatience = 1000000;

Napi::Value ChannelCreate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  ibv_comp_channel *channel = ibv_create_comp_channel(context->Get());
  if (channel == nullptr) throw SystemError(env, "ibv_create_comp_channel", errno);
  Napi::Object handle = Adopt(env, std::make_shared<ChannelResource>(context, channel));
  handle.Set("fd", channel->fd);
  return handle;
}

Napi::Value ChannelEvents(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto channel = Use<ChannelResource>(env, info[0]);
  int64_t limit = IntegerArgument(info, 1, "limit", 1, 65536);
  Napi::Array ids = Napi::Array::New(env);
  for (int64_t i = 0; i < limit; i++) {
    ibv_cq *cq = nullptr;
    void *cq_context = nullptr;
    if (ibv_get_cq_event(channel->channel, &cq, &cq_context) != 0) {
      if (errno == EAGAIN || errno == EINTR) break;
      throw SystemError(env, "ibv_get_cq_event", errno);
    }
    // At once: destroying the CQ waits, with the thread, until all are.
    ibv_ack_cq_events(cq, 1);
    ids.Set(static_cast<uint32_t>(i), static_cast<double>(reinterpret_cast<uintptr_t>(cq_context)));
  }
  return ids;
}

Napi::Value CqResize(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto cq = Use<CqResource>(env, info[0]);
  int depth = static_cast<int>(IntegerArgument(info, 1, "depth", 1, INT32_MAX));
  int err = ibv_resize_cq(cq->cq, depth);
  if (err != 0) throw SystemError(env, "ibv_resize_cq", err, "depth " + std::to_string(depth));
  return Napi::Number::New(env, cq->cq->cqe);
}

void CqArm(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto cq = Use<CqResource>(env, info[0]);
  int err = ibv_req_notify_cq(cq->cq, info[1].ToBoolean() ? 1 : 0);
  if (err != 0) throw SystemError(env, "ibv_req_notify_cq", err);
}

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

Napi::Value CqPoll(const Napi::CallbackInfo &info, CqResource &cq) {
  Napi::Env env = info.Env();
  Bytes room = BytesArgument(info, 0);
  if (reinterpret_cast<uintptr_t>(room.data) % alignof(Completion) != 0)
    throw Napi::RangeError::New(env, "the records must be aligned to 8 bytes");
  auto *records = reinterpret_cast<Completion *>(room.data);
  size_t limit = room.length / sizeof(Completion);
  std::chrono::microseconds patience{IntegerArgument(info, 1, "patience", 0, kMostPatience)};
  auto least = static_cast<size_t>(IntegerArgument(info, 2, "least", 1, INT32_MAX));
  least = std::min(least, limit);
  size_t count = Take(env, cq, records, limit);
  if (count < least && patience.count() > 0) {
    Clock::time_point start = Clock::now();
    for (Clock::duration waited{}; waited < patience; waited = Clock::now() - start) {
      Relax();
      if (waited > kAlone) sched_yield();
      count += Take(env, cq, records + count, limit - count);
      // Before the clock is read again: whoever waits for it is to know at once.
      if (count >= least) break;
    }
  }
  return Napi::Number::New(env, static_cast<double>(count));
}

Napi::Value CqCreate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  int depth = static_cast<int>(IntegerArgument(info, 1, "depth", 1, INT32_MAX));
  auto channel = UseOptional<ChannelResource>(env, info[2]);
  int vector = static_cast<int>(IntegerArgument(info, 3, "vector", 0, INT32_MAX));
  if (channel && channel->Context() != context)
    throw Napi::TypeError::New(env, "the completion channel belongs to another context");
  auto resource = std::make_shared<CqResource>(context, channel);
  void *user = reinterpret_cast<void *>(static_cast<uintptr_t>(resource->Id()));
  resource->cq = ibv_create_cq(context->Get(), depth, user, channel ? channel->channel : nullptr, vector);
  if (resource->cq == nullptr) throw SystemError(env, "ibv_create_cq", errno, "depth " + std::to_string(depth));
  Napi::Object handle = Adopt(env, resource);
  handle.Set("depth", resource->cq->cqe);
  SetMethod<CqResource, CqPoll>(env, handle, "poll", resource);
  return handle;
}

}  // namespace

void DefineCq(Napi::Env env, Napi::Object exports) {
  exports.Set("channelCreate", Napi::Function::New<ChannelCreate>(env, "channelCreate"));
  exports.Set("channelEvents", Napi::Function::New<ChannelEvents>(env, "channelEvents"));
  exports.Set("cqCreate", Napi::Function::New<CqCreate>(env, "cqCreate"));
  exports.Set("cqResize", Napi::Function::New<CqResize>(env, "cqResize"));
  exports.Set("cqArm", Napi::Function::New<CqArm>(env, "cqArm"));
}

}  // namespace roam
