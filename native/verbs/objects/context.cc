#include "context.h"

#include <errno.h>
#include <infiniband/verbs.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "../../util/arguments.h"
#include "../../util/system_error.h"
#include "../ports.h"
#include "handle.h"

namespace roam {
namespace {

Napi::Value Open(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (!info[0].IsString()) throw Napi::TypeError::New(env, "device must be a string");
  std::string name = info[0].As<Napi::String>();
  int count = 0;
  errno = 0;
  ibv_device **list = ibv_get_device_list(&count);
  if (list == nullptr && errno != ENOSYS && errno != ENOENT) throw SystemError(env, "ibv_get_device_list", errno);
  ibv_context *context = nullptr;
  int err = ENODEV;
  for (int i = 0; i < count; i++) {
    if (name != ibv_get_device_name(list[i])) continue;
    context = ibv_open_device(list[i]);
    err = errno;
  }
  if (list != nullptr) ibv_free_device_list(list);
  if (context == nullptr) throw SystemError(env, "ibv_open_device", err, name);
  auto resource = std::make_shared<ContextResource>(context);
  static_cast<OpenContexts *>(info.Data())->Add(resource);
  return Wrap(env, resource);
}

void Close(const Napi::CallbackInfo &info) {
  int err = Unwrap<ContextResource>(info.Env(), info[0])->Close();
  if (err != 0) throw SystemError(info.Env(), "ibv_close_device", err);
}

Napi::Value Fds(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  Napi::Object fds = Napi::Object::New(env);
  fds.Set("command", context->Get()->cmd_fd);
  fds.Set("async", context->Get()->async_fd);
  return fds;
}

Napi::Value Device(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  ibv_device_attr_ex extended = {};
  int err = ibv_query_device_ex(context->Get(), nullptr, &extended);
  if (err != 0) throw SystemError(env, "ibv_query_device_ex", err);
  const ibv_device_attr &attr = extended.orig_attr;

  Napi::Object device = Napi::Object::New(env);
  auto set = [&](const char *name, double value) { device.Set(name, value); };
  device.Set("firmware", std::string(attr.fw_ver, strnlen(attr.fw_ver, sizeof attr.fw_ver)));
  device.Set("nodeGuid", Napi::BigInt::New(env, static_cast<uint64_t>(be64toh(attr.node_guid))));
  device.Set("systemImageGuid", Napi::BigInt::New(env, static_cast<uint64_t>(be64toh(attr.sys_image_guid))));
  device.Set("maxMrSize", Napi::BigInt::New(env, static_cast<uint64_t>(attr.max_mr_size)));
  device.Set("pageSizeCap", Napi::BigInt::New(env, static_cast<uint64_t>(attr.page_size_cap)));
  set("vendorId", attr.vendor_id);
  set("vendorPartId", attr.vendor_part_id);
  set("hwVersion", attr.hw_ver);
  set("maxQp", attr.max_qp);
  set("maxQpWr", attr.max_qp_wr);
  set("capFlags", attr.device_cap_flags);
  set("maxSge", attr.max_sge);
  set("maxSgeRd", attr.max_sge_rd);
  set("maxCq", attr.max_cq);
  set("maxCqe", attr.max_cqe);
  set("maxMr", attr.max_mr);
  set("maxPd", attr.max_pd);
  set("maxQpRdAtom", attr.max_qp_rd_atom);
  set("maxQpInitRdAtom", attr.max_qp_init_rd_atom);
  set("maxResRdAtom", attr.max_res_rd_atom);
  set("atomicCap", attr.atomic_cap);
  set("maxMw", attr.max_mw);
  set("maxMcastGrp", attr.max_mcast_grp);
  set("maxMcastQpAttach", attr.max_mcast_qp_attach);
  set("maxAh", attr.max_ah);
  set("maxSrq", attr.max_srq);
  set("maxSrqWr", attr.max_srq_wr);
  set("maxSrqSge", attr.max_srq_sge);
  set("maxPkeys", attr.max_pkeys);
  set("ports", attr.phys_port_cnt);
  device.Set("onDemandPaging", (extended.odp_caps.general_caps & IBV_ODP_SUPPORT) != 0);
  return device;
}

Napi::Value Port(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  return PortObject(env, context->Get(), static_cast<uint32_t>(IntegerArgument(info, 1, "port", 1, 255)));
}

Napi::Value Gids(const Napi::CallbackInfo &info) {
  auto context = Use<ContextResource>(info.Env(), info[0]);
  ibv_device_attr attr = {};
  int err = ibv_query_device(context->Get(), &attr);
  if (err != 0) throw SystemError(info.Env(), "ibv_query_device", err);
  return GidObjects(info.Env(), context->Get(), attr.phys_port_cnt);
}

// The user context of the object that an event is about; nullptr for one about a port or the device.
const void *ObjectOf(const ibv_async_event &event, uint32_t type) {
  switch (type) {
    case IBV_EVENT_CQ_ERR:
      return event.element.cq->cq_context;
    case IBV_EVENT_QP_FATAL:
    case IBV_EVENT_QP_REQ_ERR:
    case IBV_EVENT_QP_ACCESS_ERR:
    case IBV_EVENT_COMM_EST:
    case IBV_EVENT_SQ_DRAINED:
    case IBV_EVENT_PATH_MIG:
    case IBV_EVENT_PATH_MIG_ERR:
    case IBV_EVENT_QP_LAST_WQE_REACHED:
      return event.element.qp->qp_context;
    case IBV_EVENT_SRQ_ERR:
    case IBV_EVENT_SRQ_LIMIT_REACHED:
      return event.element.srq->srq_context;
    default:
      return nullptr;
  }
}

Napi::Value Event(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  auto context = Use<ContextResource>(env, info[0]);
  ibv_async_event event = {};
  if (ibv_get_async_event(context->Get(), &event) != 0) {
    if (errno == EAGAIN || errno == EINTR) return env.Undefined();
    throw SystemError(env, "ibv_get_async_event", errno);
  }
  // Acknowledged before anything that can fail: destroying the object of an event waits, with the thread,
  // until all of them are.
  // Not as the enumeration, of which the module's own events are no values.
  uint32_t type = 0;
  std::memcpy(&type, &event.event_type, sizeof type);
  const void *object = ObjectOf(event, type);
  int port = event.element.port_num;
  ibv_ack_async_event(&event);

  Napi::Object result = Napi::Object::New(env);
  result.Set("type", type);
  // The objects carry their id as their user context.
  if (object != nullptr)
    result.Set("id", static_cast<double>(reinterpret_cast<uintptr_t>(object)));
  else if (type != IBV_EVENT_DEVICE_FATAL)
    result.Set("port", port);
  return result;
}

}  // namespace

OpenContexts::~OpenContexts() {
  for (auto &weak : contexts_)
    if (auto context = weak.lock()) context->CloseAll();
}

void OpenContexts::Add(const std::shared_ptr<ContextResource> &context) {
  contexts_.erase(std::remove_if(contexts_.begin(), contexts_.end(), [](auto &weak) { return weak.expired(); }),
                  contexts_.end());
  contexts_.push_back(context);
}

void DefineContext(Napi::Env env, Napi::Object exports, OpenContexts *contexts) {
  exports.Set("contextOpen", Napi::Function::New<Open>(env, "contextOpen", contexts));
  exports.Set("contextClose", Napi::Function::New<Close>(env, "contextClose"));
  exports.Set("contextFds", Napi::Function::New<Fds>(env, "contextFds"));
  exports.Set("contextDevice", Napi::Function::New<Device>(env, "contextDevice"));
  exports.Set("contextPort", Napi::Function::New<Port>(env, "contextPort"));
  exports.Set("contextGids", Napi::Function::New<Gids>(env, "contextGids"));
  exports.Set("contextEvent", Napi::Function::New<Event>(env, "contextEvent"));
}

}  // namespace roam
