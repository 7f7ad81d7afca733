#include "objects.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

namespace roam {
namespace {

// Bytes of a huge page of the default size: MAP_HUGETLB rounds what it maps, and not what is unmapped.
size_t HugePageSize() {
  size_t kilobytes = 2048;
  FILE *file = fopen("/proc/meminfo", "re");
  if (file == nullptr) return kilobytes * 1024;
  char line[128];
  while (fgets(line, sizeof line, file) != nullptr)
    if (sscanf(line, "Hugepagesize: %zu kB", &kilobytes) == 1) break;
  fclose(file);
  return kilobytes * 1024;
}

}  // namespace

std::shared_ptr<Pages> Pages::Map(size_t length, bool huge) {
  size_t unit = huge ? HugePageSize() : static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (length > SIZE_MAX - unit) {
    errno = ENOMEM;
    return nullptr;
  }
  size_t mapped = (length + unit - 1) / unit * unit;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : 0);
  void *address = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  return std::shared_ptr<Pages>(new Pages(address, length, mapped));
}

Pages::~Pages() { munmap(address_, mapped_); }

void Pages::Free() {
  if (freed_) return;
  freed_ = true;
  if (mrs_ == 0) Vacate();
}

void Pages::RemoveMr() {
  if (--mrs_ == 0 && freed_) Vacate();
}

void Pages::Vacate() {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  // A failure leaves the old pages: nothing is lost but memory.
  mmap(address_, mapped_, PROT_READ | PROT_WRITE, flags, -1, 0);
}

int MrResource::Release() {
  if (in_flight != 0) return EBUSY;
  int err = ibv_dereg_mr(mr);
  if (err == 0) {
    pages->RemoveMr();
    pages.reset();
  }
  return err;
}

int SrqResource::Release() {
  int err = srq == nullptr ? 0 : ibv_destroy_srq(srq);
  if (err == 0) LetGo();
  return err;
}

int QpResource::Release() {
  while (!groups.empty()) {
    int err = ibv_detach_mcast(qp, &groups.back().first, groups.back().second);
    if (err != 0) return err;
    groups.pop_back();
  }
  int err = qp == nullptr ? 0 : ibv_destroy_qp(qp);
  // Once the QP is gone the device touches none of its memory any more.
  if (err == 0) LetGo();
  return err;
}

}  // namespace roam
