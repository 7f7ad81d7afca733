#include "post.h"

#include <arpa/inet.h>
#include <errno.h>
#include <infiniband/verbs.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>

#include "../../util/arguments.h"
#include "../../util/system_error.h"
#include "handle.h"

namespace roam {
namespace {

constexpr size_t kMaxSge = 32;
// IBTA 9.7.1: the longest message.
constexpr size_t kMaxMessage = size_t{1} << 31;

struct SgeRecord {
  uint32_t mr;
  uint32_t length;
  double offset;
};

struct SendRecord {
  double wr_id;
  uint32_t opcode;
  uint32_t flags;
  // Immediate data in host order, or the rkey to invalidate.
  uint32_t immediate;
  uint32_t sge_count;
  uint64_t remote_address;
  uint64_t compare_add;
  uint64_t swap;
  uint32_t rkey;
  uint32_t ah;
  uint32_t remote_qpn;
  uint32_t remote_qkey;
  // XRC: the peer's SRQ.
  uint32_t remote_srqn;
  uint32_t mw;
  // Of a bind: what is bound is the first SGE, its address the remote one.
  uint32_t mw_access;
  uint32_t mw_rkey;
  SgeRecord sges[kMaxSge];
};
static_assert(offsetof(SendRecord, sges) == 80, "src/verbs/work-request.ts writes this layout");

struct ReceiveRecord {
  double wr_id;
  uint32_t sge_count;
  uint32_t reserved;
  SgeRecord sges[kMaxSge];
};
static_assert(offsetof(ReceiveRecord, sges) == 16, "src/verbs/work-request.ts writes this layout");

Napi::Error Bad(Napi::Env env, size_t index, const std::string &reason) {
  return Napi::RangeError::New(env, "work request " + std::to_string(index) + ": " + reason);
}

// Arguments `records, stride, first, count`; alignment and bounds are checked once.
template <typename Record>
RequestBytes RequestArguments(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Bytes bytes = BytesArgument(info, 0);
  auto stride = static_cast<size_t>(IntegerArgument(info, 1, "stride", offsetof(Record, sges), sizeof(Record)));
  auto first = static_cast<size_t>(IntegerArgument(info, 2, "first", 0, UINT32_MAX));
  auto count = static_cast<size_t>(IntegerArgument(info, 3, "count", 0, UINT32_MAX));
  if (stride % alignof(Record) != 0 || reinterpret_cast<uintptr_t>(bytes.data) % alignof(Record) != 0 ||
      (first + count) * stride > bytes.length)
    throw Napi::RangeError::New(env, "the records do not fit the array");
  return {bytes.data + first * stride, stride, count};
}

template <typename Record>
struct Records {
  explicit Records(const RequestBytes &bytes)
      : bytes(bytes), count(bytes.count), sge_room((bytes.stride - offsetof(Record, sges)) / sizeof(SgeRecord)) {}
  const Record &operator[](size_t i) const { return *reinterpret_cast<const Record *>(bytes.data + i * bytes.stride); }

  RequestBytes bytes;
  size_t count, sge_room;
};

// Where the translated SGEs of one work request go.
struct Elements {
  ibv_sge *sges;
  MrResource **mrs;
  size_t count = 0;
};

// Work requests handed over by one call of libibverbs: rxe rings the doorbell, a system call, once for each.
template <typename Wr>
struct Chain {
  static constexpr size_t kRequests = 32;
  static constexpr size_t kSges = 128;
  Wr wrs[kRequests];
  ibv_sge sges[kSges];
  MrResource *mrs[kSges];
  size_t count = 0;
  size_t used = 0;

  Elements Room() { return {sges + used, mrs + used}; }
  bool Full() const { return count == kRequests || used + kMaxSge > kSges; }
  void Append(size_t sge_count) {
    wrs[count].next = nullptr;
    if (count > 0) wrs[count - 1].next = &wrs[count];
    count++;
    used += sge_count;
  }
  // How many the device took, given the one that it refused.  A provider that names none has taken none of
  // the receives; of the sends it may have taken all, and failed afterwards.
  size_t Before(const Wr *bad) const {
    if (bad != nullptr) return static_cast<size_t>(bad - wrs);
    return std::is_same_v<Wr, ibv_send_wr> ? count : 0;
  }
};

// Translates the SGEs: MR and offset to address and key, within the MR and its PD.
void Gather(Napi::Env env, ContextResource &context, ibv_pd *pd, size_t index, const SgeRecord *records, size_t count,
            bool inlined, size_t limit, Elements *to) {
  uint64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    const SgeRecord &record = records[i];
    auto *mr = static_cast<MrResource *>(context.Find(record.mr, Kind::kMr));
    if (mr == nullptr) throw Bad(env, index, "SGE " + std::to_string(i) + " is in no MR of this context that is open");
    if (pd != nullptr && mr->pd->pd != pd)
      throw Bad(env, index, "SGE " + std::to_string(i) + " is in an MR of another PD");
    auto length = static_cast<double>(mr->length);
    if (!(record.offset >= 0) || record.offset > length || record.length > length - record.offset)
      throw Bad(env, index, "SGE " + std::to_string(i) + " goes beyond its MR of " + std::to_string(mr->length) + " bytes");
    // The processor copies inline data, so they are found by their address in this process.
    uint64_t base = inlined ? reinterpret_cast<uintptr_t>(mr->Address()) : mr->iova;
    to->sges[i].addr = base + static_cast<uint64_t>(record.offset);
    to->sges[i].length = record.length;
    to->sges[i].lkey = mr->mr->lkey;
    to->mrs[i] = mr;
    total += record.length;
  }
  // Providers add up in 32 bits, and believe the sum.
  if (total > limit)
    throw Bad(env, index, std::to_string(total) + " bytes, " + (inlined ? "inline at most " : "at most ") + std::to_string(limit));
  to->count = count;
}

// Adds to an error how many requests were accepted before it.
Napi::Error Posted(Napi::Env env, Napi::Error error, size_t posted) {
  error.Set("posted", Napi::Number::New(env, static_cast<double>(posted)));
  return error;
}

Napi::Error Refused(Napi::Env env, const char *syscall, int err, size_t index) {
  return SystemError(env, syscall, err, "work request " + std::to_string(index));
}

bool MayBeInline(uint32_t opcode) {
  return opcode == IBV_WR_SEND || opcode == IBV_WR_SEND_WITH_IMM || opcode == IBV_WR_SEND_WITH_INV ||
         opcode == IBV_WR_RDMA_WRITE || opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
}

void FillSend(Napi::Env env, QpResource &qp, size_t index, const SendRecord &record, Elements *elements, ibv_send_wr *wr) {
  ContextResource &context = *qp.Context();
  wr->opcode = static_cast<ibv_wr_opcode>(record.opcode);
  wr->send_flags = record.flags;
  wr->sg_list = elements->sges;
  wr->num_sge = static_cast<int>(elements->count);
  if (wr->opcode == IBV_WR_SEND_WITH_INV || wr->opcode == IBV_WR_LOCAL_INV)
    wr->invalidate_rkey = record.immediate;
  else
    wr->imm_data = htonl(record.immediate);
  switch (wr->opcode) {
    case IBV_WR_ATOMIC_CMP_AND_SWP:
    case IBV_WR_ATOMIC_FETCH_AND_ADD:
      wr->wr.atomic.remote_addr = record.remote_address;
      wr->wr.atomic.compare_add = record.compare_add;
      wr->wr.atomic.swap = record.swap;
      wr->wr.atomic.rkey = record.rkey;
      break;
    case IBV_WR_RDMA_WRITE:
    case IBV_WR_RDMA_WRITE_WITH_IMM:
    case IBV_WR_RDMA_READ:
      wr->wr.rdma.remote_addr = record.remote_address;
      wr->wr.rdma.rkey = record.rkey;
      break;
    case IBV_WR_BIND_MW: {
      auto *mw = static_cast<MwResource *>(context.Find(record.mw, Kind::kMw));
      if (mw == nullptr) throw Bad(env, index, "there is no such MW open in this context");
      if (elements->count != 1) throw Bad(env, index, "a bind needs one SGE: what the MW is bound to");
      wr->bind_mw.mw = mw->mw;
      wr->bind_mw.rkey = record.mw_rkey;
      wr->bind_mw.bind_info.mr = elements->mrs[0]->mr;
      wr->bind_mw.bind_info.addr = elements->sges[0].addr;
      wr->bind_mw.bind_info.length = elements->sges[0].length;
      wr->bind_mw.bind_info.mw_access_flags = record.mw_access;
      wr->num_sge = 0;
      break;
    }
    default:
      break;
  }
  if (qp.qp->qp_type == IBV_QPT_UD) {
    auto *ah = static_cast<AhResource *>(context.Find(record.ah, Kind::kAh));
    if (ah == nullptr) throw Bad(env, index, "a UD QP needs an AH that is open");
    wr->wr.ud.ah = ah->ah;
    wr->wr.ud.remote_qpn = record.remote_qpn;
    wr->wr.ud.remote_qkey = record.remote_qkey;
  }
  if (qp.qp->qp_type == IBV_QPT_XRC_SEND) wr->qp_type.xrc.remote_srqn = record.remote_srqn;
}

// Posts records in chains.  `fill` makes the verbs request and claims its slot, or throws; `post` hands a
// chain over.  Whatever fails, what came before it is posted, and the error tells how much.
template <typename Wr, typename Record, typename Fill, typename Post>
void PostAll(Napi::Env env, const Records<Record> &records, WorkQueue *queue, const char *syscall, Fill fill, Post post) {
  Chain<Wr> chain;
  size_t posted = 0;
  auto flush = [&] {
    if (chain.count == 0) return;
    Wr *bad = nullptr;
    int err = post(chain.wrs, &bad);
    size_t accepted = err == 0 ? chain.count : chain.Before(bad);
    queue->TakeBack(chain.count - accepted);
    queue->Commit();
    posted += accepted;
    chain.count = chain.used = 0;
    if (err != 0) throw Posted(env, Refused(env, syscall, err, bad == nullptr ? posted - accepted : posted), posted);
  };
  for (size_t i = 0; i < records.count; i++) {
    Elements elements = chain.Room();
    Wr *wr = &chain.wrs[chain.count];
    try {
      fill(i, records[i], &elements, wr);
    } catch (const Napi::Error &error) {
      flush();
      throw Posted(env, error, posted);
    }
    chain.Append(elements.count);
    if (chain.Full()) flush();
  }
  flush();
}

}  // namespace

void Send(Napi::Env env, QpResource &qp, const RequestBytes &bytes) {
  Records<SendRecord> records(bytes);
  WorkQueue *queue = qp.sends.get();
  if (queue == nullptr) throw Napi::TypeError::New(env, "this QP sends nothing");
  // rxe refuses such requests after it has queued them, and carries them out in the end.
  ibv_qp_state state = qp.qp->state;
  if (records.count > 0 && (state == IBV_QPS_RESET || state == IBV_QPS_INIT || state == IBV_QPS_RTR))
    throw Posted(env, SystemError(env, "ibv_post_send", EINVAL, "before RTS"), 0);
  size_t max_sge = std::min(queue->MaxSge(), std::min(records.sge_room, kMaxSge));
  PostAll<ibv_send_wr>(
      env, records, queue, "ibv_post_send",
      [&](size_t i, const SendRecord &record, Elements *elements, ibv_send_wr *wr) {
        if (record.sge_count > max_sge) throw Bad(env, i, "more than " + std::to_string(max_sge) + " SGEs");
        bool inlined = (record.flags & IBV_SEND_INLINE) != 0;
        *wr = {};
        if (inlined && !MayBeInline(record.opcode)) throw Bad(env, i, "only SEND and WRITE can be inline");
        Gather(env, *qp.Context(), qp.pd->pd, i, record.sges, record.sge_count, inlined,
               inlined ? qp.cap.max_inline_data : kMaxMessage, elements);
        FillSend(env, qp, i, record, elements, wr);
        bool signaled = (record.flags & IBV_SEND_SIGNALED) != 0;
        if (!queue->Take(record.wr_id, signaled, &wr->wr_id)) throw Refused(env, "ibv_post_send", ENOMEM, i);
        if (inlined) return;
        for (size_t n = 0; n < elements->count; n++) queue->Hold(elements->mrs[n]);
      },
      [&](ibv_send_wr *wrs, ibv_send_wr **bad) {
        int err = ibv_post_send(qp.qp, wrs, bad);
        // As ibv_bind_mw(3) does: the window has its new key from now on.
        for (ibv_send_wr *wr = wrs; err == 0 && wr != nullptr; wr = wr->next)
          if (wr->opcode == IBV_WR_BIND_MW) wr->bind_mw.mw->rkey = wr->bind_mw.rkey;
        return err;
      });
}

namespace {

int Hand(QpResource &qp, ibv_recv_wr *wrs, ibv_recv_wr **bad) { return ibv_post_recv(qp.qp, wrs, bad); }
int Hand(SrqResource &srq, ibv_recv_wr *wrs, ibv_recv_wr **bad) { return ibv_post_srq_recv(srq.srq, wrs, bad); }

}  // namespace

template <typename T>
void Receive(Napi::Env env, T &owner, const RequestBytes &bytes) {
  Records<ReceiveRecord> records(bytes);
  WorkQueue *queue = owner.receives.get();
  if (queue == nullptr) throw Napi::TypeError::New(env, "this QP has no receive queue of its own");
  ContextResource &context = *owner.Context();
  ibv_pd *pd = owner.pd->pd;
  size_t max_sge = std::min(queue->MaxSge(), std::min(records.sge_room, kMaxSge));
  const char *syscall = std::is_same_v<T, SrqResource> ? "ibv_post_srq_recv" : "ibv_post_recv";
  PostAll<ibv_recv_wr>(
      env, records, queue, syscall,
      [&](size_t i, const ReceiveRecord &record, Elements *elements, ibv_recv_wr *wr) {
        if (record.sge_count > max_sge) throw Bad(env, i, "more than " + std::to_string(max_sge) + " SGEs");
        *wr = {};
        Gather(env, context, pd, i, record.sges, record.sge_count, false, kMaxMessage, elements);
        wr->sg_list = elements->sges;
        wr->num_sge = static_cast<int>(elements->count);
        if (!queue->Take(record.wr_id, true, &wr->wr_id)) throw Refused(env, syscall, ENOMEM, i);
        for (size_t n = 0; n < elements->count; n++) queue->Hold(elements->mrs[n]);
      },
      [&](ibv_recv_wr *wrs, ibv_recv_wr **bad) { return Hand(owner, wrs, bad); });
}
template void Receive<QpResource>(Napi::Env, QpResource &, const RequestBytes &);
template void Receive<SrqResource>(Napi::Env, SrqResource &, const RequestBytes &);

RequestBytes SendArguments(const Napi::CallbackInfo &info) { return RequestArguments<SendRecord>(info); }
RequestBytes ReceiveArguments(const Napi::CallbackInfo &info) { return RequestArguments<ReceiveRecord>(info); }

namespace {

Napi::Value PostSend(const Napi::CallbackInfo &info, QpResource &qp) {
  Send(info.Env(), qp, SendArguments(info));
  return info.Env().Undefined();
}

template <typename T>
Napi::Value PostReceive(const Napi::CallbackInfo &info, T &owner) {
  Receive(info.Env(), owner, ReceiveArguments(info));
  return info.Env().Undefined();
}

}  // namespace

void SetPostMethods(Napi::Env env, Napi::Object handle, const std::shared_ptr<QpResource> &qp) {
  SetMethod<QpResource, PostSend>(env, handle, "postSend", qp);
  SetMethod<QpResource, PostReceive<QpResource>>(env, handle, "postReceive", qp);
}

void SetPostMethods(Napi::Env env, Napi::Object handle, const std::shared_ptr<SrqResource> &srq) {
  SetMethod<SrqResource, PostReceive<SrqResource>>(env, handle, "postReceive", srq);
}

}  // namespace roam
