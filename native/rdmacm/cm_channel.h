#ifndef ROAM_RDMACM_CM_CHANNEL_H
#define ROAM_RDMACM_CM_CHANNEL_H

#include <napi.h>
#include <rdma/rdma_cma.h>

#include <cstdint>
#include <map>

namespace roam {

// The event channel of one environment, and the identifiers (rdma_cm_id) on it, which JavaScript names by
// numbers that are never used twice.
//
// Invariant: every event is acknowledged before anything else is called, for rdma_destroy_id() waits, with
// the thread, until all events of the identifier are.
class CmChannel {
 public:
  CmChannel() = default;
  CmChannel(const CmChannel &) = delete;
  CmChannel &operator=(const CmChannel &) = delete;
  ~CmChannel() { Close(); }

  // The descriptor that becomes readable with an event; made at the first call.
  int Open(Napi::Env env);
  // Ends the channel with all its identifiers.
  void Close();

  // The next event as {type, status, id, ...}; undefined when there is none.
  Napi::Value Event(Napi::Env env);

  // Of RDMA_PS_TCP for connections, of RDMA_PS_UDP for datagrams.
  uint32_t Create(Napi::Env env, rdma_port_space space);
  void Destroy(uint32_t number);
  // Throws CLOSED for a number that is none (any more).
  rdma_cm_id *Find(Napi::Env env, uint32_t number) const;

 private:
  uint32_t Adopt(rdma_cm_id *id);

  rdma_event_channel *channel_ = nullptr;
  std::map<uint32_t, rdma_cm_id *> ids_;
  uint32_t last_ = 0;
};

}  // namespace roam

#endif
