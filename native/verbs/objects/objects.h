#ifndef ROAM_VERBS_OBJECTS_OBJECTS_H
#define ROAM_VERBS_OBJECTS_OBJECTS_H

#include <infiniband/verbs.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "resource.h"
#include "work_queue.h"

namespace roam {

class PdResource : public Resource {
 public:
  PdResource(std::shared_ptr<ContextResource> context, ibv_pd *pd) : Resource(std::move(context), Kind::kPd), pd(pd) {}
  ibv_pd *const pd;

 private:
  int Release() override { return ibv_dealloc_pd(pd); }
};

// Anonymous pages.  The memory goes when it was freed and no MR is over it; the addresses stay mapped until
// nobody can hold them: a compressor or a socket may still be at work on them in another thread.
class Pages {
 public:
  // nullptr with errno; `huge` asks for huge pages of the default size.
  static std::shared_ptr<Pages> Map(size_t length, bool huge);
  ~Pages();
  Pages(const Pages &) = delete;
  Pages &operator=(const Pages &) = delete;

  void *Address() const { return address_; }
  size_t Length() const { return length_; }
  bool Freed() const { return freed_; }

  void Free();
  void AddMr() { mrs_++; }
  void RemoveMr();

 private:
  Pages(void *address, size_t length, size_t mapped) : address_(address), length_(length), mapped_(mapped) {}
  // Empty pages instead, which cost nothing until they are touched.
  void Vacate();

  void *address_;
  size_t length_;
  size_t mapped_;
  size_t mrs_ = 0;
  bool freed_ = false;
};

class MrResource : public Resource {
 public:
  MrResource(std::shared_ptr<PdResource> pd, std::shared_ptr<Pages> pages, size_t offset, size_t length, uint64_t iova,
             ibv_mr *mr)
      : Resource(pd->Context(), Kind::kMr), pd(std::move(pd)), pages(std::move(pages)), offset(offset), length(length),
        iova(iova), mr(mr) {
    this->pages->AddMr();
  }

  char *Address() const { return static_cast<char *>(pages->Address()) + offset; }

  std::shared_ptr<PdResource> pd;
  std::shared_ptr<Pages> pages;
  size_t offset;
  size_t length;
  // The address of its first byte for the device and for peers.
  uint64_t iova;
  ibv_mr *mr;
  // Work requests that the device may still carry out on it: a bar to deregistering it.
  size_t in_flight = 0;

 private:
  int Release() override;
};

class ChannelResource : public Resource {
 public:
  ChannelResource(std::shared_ptr<ContextResource> context, ibv_comp_channel *channel)
      : Resource(std::move(context), Kind::kChannel), channel(channel) {}
  ibv_comp_channel *const channel;

 private:
  int Release() override { return ibv_destroy_comp_channel(channel); }
};

class CqResource : public Resource {
 public:
  CqResource(std::shared_ptr<ContextResource> context, std::shared_ptr<ChannelResource> channel)
      : Resource(std::move(context), Kind::kCq), channel(std::move(channel)) {}
  std::shared_ptr<ChannelResource> channel;
  ibv_cq *cq = nullptr;

 private:
  int Release() override { return cq == nullptr ? 0 : ibv_destroy_cq(cq); }
};

class XrcdResource : public Resource {
 public:
  XrcdResource(std::shared_ptr<ContextResource> context, ibv_xrcd *xrcd)
      : Resource(std::move(context), Kind::kXrcd), xrcd(xrcd) {}
  ibv_xrcd *const xrcd;

 private:
  int Release() override { return ibv_close_xrcd(xrcd); }
};

class SrqResource : public Resource {
 public:
  explicit SrqResource(std::shared_ptr<PdResource> pd) : Resource(pd->Context(), Kind::kSrq), pd(std::move(pd)) {}
  std::shared_ptr<PdResource> pd;
  std::shared_ptr<CqResource> cq;
  std::shared_ptr<XrcdResource> xrcd;
  std::unique_ptr<WorkQueue> receives;
  ibv_srq *srq = nullptr;

 private:
  int Release() override;
  void LetGo() override { receives.reset(); }
};

class QpResource : public Resource {
 public:
  explicit QpResource(std::shared_ptr<ContextResource> context) : Resource(std::move(context), Kind::kQp) {}
  std::shared_ptr<PdResource> pd;
  std::shared_ptr<CqResource> send_cq;
  std::shared_ptr<CqResource> recv_cq;
  std::shared_ptr<SrqResource> srq;
  std::shared_ptr<XrcdResource> xrcd;
  std::unique_ptr<WorkQueue> sends;
  // nullptr with an SRQ.
  std::unique_ptr<WorkQueue> receives;
  ibv_qp *qp = nullptr;
  ibv_qp_cap cap = {};
  // Multicast groups that it is attached to: a bar to destroying it.
  std::vector<std::pair<ibv_gid, uint16_t>> groups;

 private:
  int Release() override;
  void LetGo() override {
    sends.reset();
    receives.reset();
  }
};

class AhResource : public Resource {
 public:
  AhResource(std::shared_ptr<PdResource> pd, ibv_ah *ah) : Resource(pd->Context(), Kind::kAh), pd(std::move(pd)), ah(ah) {}
  std::shared_ptr<PdResource> pd;
  ibv_ah *const ah;

 private:
  int Release() override { return ibv_destroy_ah(ah); }
};

class MwResource : public Resource {
 public:
  MwResource(std::shared_ptr<PdResource> pd, ibv_mw *mw) : Resource(pd->Context(), Kind::kMw), pd(std::move(pd)), mw(mw) {}
  std::shared_ptr<PdResource> pd;
  ibv_mw *const mw;

 private:
  int Release() override { return ibv_dealloc_mw(mw); }
};

}  // namespace roam

#endif
