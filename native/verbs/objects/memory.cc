#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <infiniband/verbs.h>

#include <string>
#include <vector>

#include "../../util/system_error.h"
#include "address.h"
#include "fields.h"
#include "handle.h"

namespace roam {
namespace {

// Lengths in JavaScript are exact up to here.
constexpr int64_t kMaxLength = int64_t{1} << 53;

using PagesOwner = std::shared_ptr<Pages>;

// Whether JavaScript can still run: not while an environment ends.
bool Running(napi_env env) {
  napi_value object;
  return napi_create_object(env, &object) == napi_ok &&
         napi_set_named_property(env, object, "self", object) == napi_ok;
}

// The store of an ArrayBuffer is gone, or the environment ends and with it its care for the store, which a
// transfer may have taken to another thread: then the pages are left to the process.
void StoreGone(napi_env env, void *, void *hint) {
  auto *owner = static_cast<PagesOwner *>(hint);
  if ((*owner)->Freed() || Running(env)) delete owner;
}

Napi::Value PagesMap(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto length = static_cast<size_t>(IntegerArgument(info, 0, "length", 1, kMaxLength));
  PagesOwner pages = Pages::Map(length, info[1].ToBoolean());
  if (!pages) throw SystemError(env, "mmap", errno, std::to_string(length) + " bytes");
  Napi::Object handle = Wrap(env, pages);
  auto *owner = new PagesOwner(pages);
  napi_value buffer = nullptr;
  napi_status status =
      napi_create_external_arraybuffer(env, pages->Address(), length, StoreGone, owner, &buffer);
  if (status != napi_ok) {
    delete owner;
    if (status == napi_pending_exception) throw Napi::Error::New(env);
    throw Napi::Error::New(env, "this runtime takes no memory from outside (ArrayBuffer)");
  }
  // A detached ArrayBuffer has no store any more, but whoever works on it still holds the object.
  auto *holder = new PagesOwner(pages);
  status = napi_add_finalizer(
      env, buffer, holder, [](napi_env, void *data, void *) { delete static_cast<PagesOwner *>(data); }, nullptr, nullptr);
  if (status != napi_ok) {
    delete holder;
    throw Napi::Error::New(env);
  }
  handle.Set("buffer", Napi::Value(env, buffer));
  return handle;
}

void PagesFree(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  PagesOwner pages = Unwrap<Pages>(env, info[0]);
  Napi::Value buffer = info[0].As<Napi::Object>().Get("buffer");
  if (!buffer.IsArrayBuffer() || buffer.As<Napi::ArrayBuffer>().IsDetached()) return;
  buffer.As<Napi::ArrayBuffer>().Detach();
  pages->Free();
}

Napi::Value PdAlloc(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  ibv_pd *pd = ibv_alloc_pd(context->Get());
  if (pd == nullptr) throw SystemError(env, "ibv_alloc_pd", errno);
  return Adopt(env, std::make_shared<PdResource>(context, pd));
}

void SetKeys(Napi::Object handle, const MrResource &mr) {
  handle.Set("lkey", mr.mr->lkey);
  handle.Set("rkey", mr.mr->rkey);
}

struct Range {
  size_t offset;
  size_t length;
};

Range RangeOf(Napi::Env env, Napi::Object options, size_t available) {
  auto number = [&](const char *name, int64_t absent) {
    Napi::Value value = options.Get(name);
    return value.IsUndefined() ? absent : CheckedInteger(env, value, name, 0, kMaxLength);
  };
  auto whole = static_cast<int64_t>(available);
  int64_t offset = number("offset", 0);
  int64_t length = number("length", offset <= whole ? whole - offset : 0);
  if (length < 1 || offset > whole || length > whole - offset)
    throw Napi::RangeError::New(env, "offset " + std::to_string(offset) + ", length " + std::to_string(length) +
                                         ": the memory has " + std::to_string(available) + " bytes");
  return {static_cast<size_t>(offset), static_cast<size_t>(length)};
}

Napi::Value MrRegister(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto pd = Use<PdResource>(env, info[0]);
  auto pages = Unwrap<Pages>(env, info[1]);
  Fields fields(env, info[2]);
  Range range = RangeOf(env, info[2].As<Napi::Object>(), pages->Length());
  auto access = fields.Number<uint32_t>("access");
  // The address that peers use, unless told otherwise, is the one in this process.
  char *address = static_cast<char *>(pages->Address()) + range.offset;
  uint64_t iova = reinterpret_cast<uintptr_t>(address);
  if (fields.Has("iova")) {
    bool lossless = false;
    if (!fields.Get("iova").IsBigInt()) throw Napi::TypeError::New(env, "iova must be a bigint");
    iova = fields.Get("iova").As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) throw Napi::RangeError::New(env, "iova must fit into 64 bits");
  }
  ibv_mr *mr = ibv_reg_mr_iova2(pd->pd, address, range.length, iova, access);
  if (mr == nullptr) throw SystemError(env, "ibv_reg_mr", errno, std::to_string(range.length) + " bytes");
  auto resource = std::make_shared<MrResource>(pd, pages, range.offset, range.length, iova, mr);
  Napi::Object handle = Adopt(env, resource);
  SetKeys(handle, *resource);
  handle.Set("address", Napi::BigInt::New(env, iova));
  return handle;
}

Napi::Value MrRereg(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto mr = Use<MrResource>(env, info[0]);
  Fields fields(env, info[1]);
  if (mr->in_flight != 0) throw SystemError(env, "ibv_rereg_mr", EBUSY, "work requests use it");
  int flags = 0;
  std::shared_ptr<PdResource> pd = mr->pd;
  if (fields.Has("pd")) {
    pd = Use<PdResource>(env, fields.Get("pd"));
    if (pd->Context() != mr->Context()) throw Napi::TypeError::New(env, "the PD belongs to another context");
    flags |= IBV_REREG_MR_CHANGE_PD;
  }
  if (fields.Has("access")) flags |= IBV_REREG_MR_CHANGE_ACCESS;
  std::shared_ptr<Pages> pages = mr->pages;
  Range range = {mr->offset, mr->length};
  if (fields.Has("pages")) {
    pages = Unwrap<Pages>(env, fields.Get("pages"));
    range = RangeOf(env, info[1].As<Napi::Object>(), pages->Length());
    flags |= IBV_REREG_MR_CHANGE_TRANSLATION;
  }
  int result = ibv_rereg_mr(mr->mr, flags, pd->pd, static_cast<char *>(pages->Address()) + range.offset, range.length,
                            static_cast<int>(fields.Number<uint32_t>("access")));
  if (result != 0) throw SystemError(env, "ibv_rereg_mr", errno);
  mr->pd = pd;
  pages->AddMr();
  mr->pages->RemoveMr();
  mr->pages = pages;
  mr->offset = range.offset;
  mr->length = range.length;
  if (flags & IBV_REREG_MR_CHANGE_TRANSLATION) mr->iova = reinterpret_cast<uintptr_t>(mr->Address());
  Napi::Object handle = info[0].As<Napi::Object>();
  SetKeys(handle, *mr);
  handle.Set("address", Napi::BigInt::New(env, mr->iova));
  return handle;
}

void MrAdvise(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto pd = Use<PdResource>(env, info[0]);
  auto advice = static_cast<ibv_advise_mr_advice>(IntegerArgument(info, 1, "advice", 0, 255));
  auto flags = static_cast<uint32_t>(IntegerArgument(info, 2, "flags", 0, UINT32_MAX));
  if (!info[3].IsArray()) throw Napi::TypeError::New(env, "expected a list of ranges");
  Napi::Array list = info[3].As<Napi::Array>();
  std::vector<ibv_sge> sges;
  for (uint32_t i = 0; i < list.Length(); i++) {
    Napi::Value item = list.Get(i);
    Fields fields(env, item);
    auto mr = Use<MrResource>(env, fields.Get("mr"));
    Range range = RangeOf(env, item.As<Napi::Object>(), mr->length);
    if (range.length > UINT32_MAX) throw Napi::RangeError::New(env, "length must be below 4 GiB");
    ibv_sge sge = {};
    sge.addr = reinterpret_cast<uintptr_t>(mr->Address()) + range.offset;
    sge.length = static_cast<uint32_t>(range.length);
    sge.lkey = mr->mr->lkey;
    sges.push_back(sge);
  }
  int err = ibv_advise_mr(pd->pd, advice, flags, sges.data(), static_cast<uint32_t>(sges.size()));
  if (err != 0) throw SystemError(env, "ibv_advise_mr", err);
}

Napi::Value MwAlloc(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto pd = Use<PdResource>(env, info[0]);
  auto type = static_cast<ibv_mw_type>(IntegerArgument(info, 1, "type", IBV_MW_TYPE_1, IBV_MW_TYPE_2));
  ibv_mw *mw = ibv_alloc_mw(pd->pd, type);
  if (mw == nullptr) throw SystemError(env, "ibv_alloc_mw", errno);
  Napi::Object handle = Adopt(env, std::make_shared<MwResource>(pd, mw));
  handle.Set("rkey", mw->rkey);
  return handle;
}

Napi::Value MwRkey(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), Use<MwResource>(info.Env(), info[0])->mw->rkey);
}

Napi::Value AhCreate(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto pd = Use<PdResource>(env, info[0]);
  ibv_ah_attr attr = AddressOf(env, info[1]);
  ibv_ah *ah = ibv_create_ah(pd->pd, &attr);
  if (ah == nullptr) throw SystemError(env, "ibv_create_ah", errno);
  return Adopt(env, std::make_shared<AhResource>(pd, ah));
}

Napi::Value XrcdOpen(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  Fields fields(env, info[1]);
  ibv_xrcd_init_attr attr = {};
  attr.comp_mask = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS;
  attr.fd = fields.Has("fd") ? fields.Number<int32_t>("fd") : -1;
  attr.oflags = O_CREAT;
  ibv_xrcd *xrcd = ibv_open_xrcd(context->Get(), &attr);
  if (xrcd == nullptr) throw SystemError(env, "ibv_open_xrcd", errno);
  return Adopt(env, std::make_shared<XrcdResource>(context, xrcd));
}

template <typename T>
bool TryDestroy(Napi::Env env, Napi::Value value, const char *syscall) {
  napi_type_tag tag = HandleTraits<T>::tag;
  if (!value.As<Napi::Object>().CheckTypeTag(&tag)) return false;
  int err = Unwrap<T>(env, value)->Destroy();
  if (err != 0) throw SystemError(env, syscall, err);
  return true;
}

void ObjectDestroy(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Napi::Value value = info[0];
  if (value.IsObject() &&
      (TryDestroy<MrResource>(env, value, "ibv_dereg_mr") || TryDestroy<QpResource>(env, value, "ibv_destroy_qp") ||
       TryDestroy<CqResource>(env, value, "ibv_destroy_cq") || TryDestroy<PdResource>(env, value, "ibv_dealloc_pd") ||
       TryDestroy<ChannelResource>(env, value, "ibv_destroy_comp_channel") ||
       TryDestroy<SrqResource>(env, value, "ibv_destroy_srq") || TryDestroy<AhResource>(env, value, "ibv_destroy_ah") ||
       TryDestroy<MwResource>(env, value, "ibv_dealloc_mw") || TryDestroy<XrcdResource>(env, value, "ibv_close_xrcd")))
    return;
  throw Napi::TypeError::New(env, "expected a verbs object");
}

}  // namespace

void DefineMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("pagesMap", Napi::Function::New<PagesMap>(env, "pagesMap"));
  exports.Set("pagesFree", Napi::Function::New<PagesFree>(env, "pagesFree"));
  exports.Set("pdAlloc", Napi::Function::New<PdAlloc>(env, "pdAlloc"));
  exports.Set("mrRegister", Napi::Function::New<MrRegister>(env, "mrRegister"));
  exports.Set("mrRereg", Napi::Function::New<MrRereg>(env, "mrRereg"));
  exports.Set("mrAdvise", Napi::Function::New<MrAdvise>(env, "mrAdvise"));
  exports.Set("mwAlloc", Napi::Function::New<MwAlloc>(env, "mwAlloc"));
  exports.Set("mwRkey", Napi::Function::New<MwRkey>(env, "mwRkey"));
  exports.Set("ahCreate", Napi::Function::New<AhCreate>(env, "ahCreate"));
  exports.Set("xrcdOpen", Napi::Function::New<XrcdOpen>(env, "xrcdOpen"));
  exports.Set("objectDestroy", Napi::Function::New<ObjectDestroy>(env, "objectDestroy"));
}

}  // namespace roam
