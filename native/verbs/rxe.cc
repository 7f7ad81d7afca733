#include "rxe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <roam_rxe_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "../util/arguments.h"
#include "../util/system_error.h"
#include "../util/unique_fd.h"
#include "gid_text.h"
#include "rxe_names.h"

namespace roam {
namespace {

struct Free {
  void operator()(void *memory) const { free(memory); }
};
template <typename T>
using Malloced = std::unique_ptr<T, Free>;

uint32_t QpnArgument(const Napi::CallbackInfo &info, size_t index) {
  return static_cast<uint32_t>(IntegerArgument(info, index, "qpn", 0, 0xffffff));
}

uint32_t ScopeArgument(const Napi::CallbackInfo &info, size_t index) {
  bool whole = info.Length() > index && info[index].ToBoolean();
  return whole ? ROAM_RXE_WHOLE_DEVICE : 0;
}

Napi::Array Strings(Napi::Env env, const std::vector<std::string> &values) {
  Napi::Array list = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); i++) list.Set(static_cast<uint32_t>(i), values[i]);
  return list;
}

Napi::Value Devices(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  char(*names)[RXE_CLIENT_NAME_MAX] = nullptr;
  size_t count = 0;
  int err = rxe_client_devices(&names, &count);
  if (err < 0) throw SystemError(env, "readdir", -err, "/sys/class/infiniband_verbs");
  Malloced<void> owner(names);
  Napi::Array list = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; i++) list.Set(static_cast<uint32_t>(i), names[i]);
  return list;
}

Napi::Value Open(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsString()) throw Napi::TypeError::New(env, "device must be a string");
  std::string device = info[0].As<Napi::String>();
  int fd = rxe_client_open_context(device.c_str());
  if (fd < 0) throw SystemError(env, "open", -fd, "RDMA device " + device);
  return Napi::Number::New(env, fd);
}

Napi::Value IsRxe(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), rxe_client_is_rxe(FdArgument(info, 0)));
}

std::string HexText(uint64_t value) {
  char text[17];
  snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

Napi::Value Query(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  roam_rxe_query query = {};
  int err = rxe_client_query(FdArgument(info, 0), &query);
  if (err < 0) throw SystemError(env, "ROAM_RXE_METHOD_QUERY", -err);

  Napi::Object counters = Napi::Object::New(env);
  auto count = [&](const char *name, uint64_t value) { counters.Set(name, static_cast<double>(value)); };
  count("nakStoppedSent", query.nak_stopped_sent);
  count("nakStoppedReceived", query.nak_stopped_rcvd);
  count("resumeSent", query.resume_sent);
  count("resumeReceived", query.resume_rcvd);
  count("resumeAcked", query.resume_acked);
  count("resumeRefused", query.resume_refused);
  count("resumeForwarded", query.resume_forwarded);
  count("unauthentic", query.unauthentic);

  Napi::Object result = Napi::Object::New(env);
  result.Set("abi", query.abi);
  result.Set("dumpVersion", query.dump_version);
  result.Set("contextState", ContextStateName(query.context_state));
  result.Set("moduleVersion",
             std::string(query.module_version, strnlen(query.module_version, sizeof query.module_version)));
  result.Set("reservations", query.reservations);
  if (query.key_id) result.Set("keyId", HexText(query.key_id));
  result.Set("counters", counters);
  return result;
}

Napi::Object QpObject(Napi::Env env, const roam_rxe_qp_info &qp) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("qpn", qp.qpn);
  object.Set("destQpn", qp.dest_qpn);
  object.Set("type", QpTypeName(qp.qp_type));
  object.Set("state", QpStateName(qp.qp_state));
  object.Set("migrationFlags", Strings(env, MigrationFlags(qp.migr_state)));
  object.Set("pid", qp.pid);
  object.Set("reqPsn", qp.req_psn);
  object.Set("compPsn", qp.comp_psn);
  object.Set("respPsn", qp.resp_psn);
  object.Set("msn", qp.msn);
  object.Set("sgid", GidText(qp.sgid));
  object.Set("dgid", GidText(qp.dgid));
  object.Set("epoch", qp.epoch);
  object.Set("peerAware", Napi::Boolean::New(env, qp.peer_aware != 0));
  object.Set("rnrTimer", qp.rnr_timer);
  if (qp.uobject != std::numeric_limits<uint32_t>::max()) object.Set("handle", qp.uobject);
  return object;
}

Napi::Value ListQps(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  roam_rxe_qp_info *qps = nullptr;
  size_t count = 0;
  int err = rxe_client_list(FdArgument(info, 0), ScopeArgument(info, 1), &qps, &count);
  if (err < 0) throw SystemError(env, "ROAM_RXE_METHOD_LIST", -err);
  Malloced<roam_rxe_qp_info> owner(qps);
  Napi::Array list = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; i++) list.Set(static_cast<uint32_t>(i), QpObject(env, qps[i]));
  return list;
}

Napi::Value Check(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  roam_rxe_unsupported *objects = nullptr;
  size_t count = 0;
  int err = rxe_client_check(FdArgument(info, 0), &objects, &count);
  if (err < 0) throw SystemError(env, "ROAM_RXE_METHOD_CHECK", -err);
  Malloced<roam_rxe_unsupported> owner(objects);
  Napi::Array list = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; i++) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("type", ObjectTypeName(objects[i].type));
    object.Set("id", objects[i].id);
    object.Set("handle", objects[i].handle);
    if (objects[i].type == ROAM_RXE_T_QP) object.Set("detail", QpTypeName(objects[i].detail));
    list.Set(static_cast<uint32_t>(i), object);
  }
  return list;
}

Napi::Value Memory(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  struct rxe_client_memory *ranges = nullptr;
  size_t count = 0;
  int err = rxe_client_memory(FdArgument(info, 0), &ranges, &count);
  Malloced<struct rxe_client_memory> owner(ranges);
  if (err < 0) throw SystemError(env, "ROAM_RXE_METHOD_DUMP", -err);
  Napi::Array list = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; i++) {
    Napi::Object range = Napi::Object::New(env);
    range.Set("start", Napi::BigInt::New(env, ranges[i].start));
    range.Set("length", Napi::BigInt::New(env, ranges[i].length));
    range.Set("writable", Napi::Boolean::New(env, ranges[i].writable));
    list.Set(static_cast<uint32_t>(i), range);
  }
  return list;
}

void Stop(const Napi::CallbackInfo &info) {
  uint32_t qpn = QpnArgument(info, 1);
  int err = rxe_client_stop(FdArgument(info, 0), qpn, ScopeArgument(info, 2));
  if (err < 0) throw SystemError(info.Env(), "ROAM_RXE_METHOD_STOP", -err, qpn ? "QP " + std::to_string(qpn) : "");
}

void Resume(const Napi::CallbackInfo &info) {
  uint32_t qpn = QpnArgument(info, 1);
  int err = rxe_client_resume(FdArgument(info, 0), qpn, ScopeArgument(info, 2));
  if (err < 0) throw SystemError(info.Env(), "ROAM_RXE_METHOD_RESUME", -err, qpn ? "QP " + std::to_string(qpn) : "");
}

void Greet(const Napi::CallbackInfo &info) {
  int err = rxe_client_greet(FdArgument(info, 0), QpnArgument(info, 1), ScopeArgument(info, 2));
  if (err < 0) throw SystemError(info.Env(), "ROAM_RXE_METHOD_GREET", -err);
}

uint32_t NumberOf(const Napi::Object &object, const char *name, uint32_t max) {
  Napi::Env env = object.Env();
  Napi::Value value = object.Get(name);
  double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= max) || number != std::floor(number))
    throw Napi::TypeError::New(env, std::string(name) + " must be an integer from 0 to " + std::to_string(max));
  return static_cast<uint32_t>(number);
}

roam_rxe_reservation ReservationOf(const Napi::Object &object, uint32_t hold_ms) {
  roam_rxe_reservation made = {};
  made.qpn = NumberOf(object, "qpn", 0xffffff);
  made.peer_qpn = NumberOf(object, "peerQpn", 0xffffff);
  made.epoch = NumberOf(object, "epoch", std::numeric_limits<uint32_t>::max());
  made.hold_ms = hold_ms;
  made.psn = NumberOf(object, "psn", 0xffffff);
  made.msn = NumberOf(object, "msn", 0xffffff);
  made.rnr_timer = NumberOf(object, "rnrTimer", ROAM_RXE_NO_RNR);
  if (object.Get("peerAware").ToBoolean()) made.flags |= ROAM_RXE_PEER_AWARE;
  std::string gid = object.Get("peerGid").ToString();
  if (inet_pton(AF_INET6, gid.c_str(), made.peer_gid) != 1)
    throw Napi::TypeError::New(object.Env(), "peerGid must be an IPv6 address");
  Napi::Value forward = object.Get("forwardGid");
  if (!forward.IsUndefined() &&
      inet_pton(AF_INET6, forward.ToString().Utf8Value().c_str(), made.forward) != 1)
    throw Napi::TypeError::New(object.Env(), "forwardGid must be an IPv6 address");
  return made;
}

void Reserve(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  int fd = FdArgument(info, 0);
  if (info.Length() < 2 || !info[1].IsArray()) throw Napi::TypeError::New(env, "reservations must be an array");
  Napi::Array list = info[1].As<Napi::Array>();
  auto hold = static_cast<uint32_t>(IntegerArgument(info, 2, "holdMs", 0, std::numeric_limits<uint32_t>::max()));
  std::vector<roam_rxe_reservation> made;
  for (uint32_t i = 0; i < list.Length(); i++) {
    Napi::Value entry = list.Get(i);
    if (!entry.IsObject()) throw Napi::TypeError::New(env, "a reservation must be an object");
    made.push_back(ReservationOf(entry.As<Napi::Object>(), hold));
  }
  int err = rxe_client_reserve(fd, made.data(), made.size());
  if (err < 0) throw SystemError(env, "ROAM_RXE_METHOD_RESERVE", -err);
}

void Watch(const Napi::CallbackInfo &info) {
  auto flags = static_cast<uint32_t>(IntegerArgument(info, 1, "flags", 0, std::numeric_limits<uint32_t>::max()));
  int err = rxe_client_watch(FdArgument(info, 0), flags);
  if (err < 0) throw SystemError(info.Env(), "ROAM_RXE_METHOD_WATCH", -err);
}

Napi::Value Announce(const Napi::CallbackInfo &info) {
  auto what = static_cast<uint32_t>(IntegerArgument(info, 1, "what", 0, std::numeric_limits<uint32_t>::max()));
  int awaited = rxe_client_announce(FdArgument(info, 0), what);
  if (awaited < 0) throw SystemError(info.Env(), "ROAM_RXE_METHOD_ANNOUNCE", -awaited);
  return Napi::Boolean::New(info.Env(), awaited != 0);
}

void Ready(const Napi::CallbackInfo &info) {
  int err = rxe_client_ready(FdArgument(info, 0));
  if (err < 0) throw SystemError(info.Env(), "ROAM_RXE_METHOD_READY", -err);
}

void Track(const Napi::CallbackInfo &info) {
  int err = rxe_client_track(FdArgument(info, 0));
  if (err < 0) throw SystemError(info.Env(), "ROAM_RXE_METHOD_TRACK", -err);
}

Napi::Object WatchNumbers(Napi::Env env) {
  Napi::Object numbers = Napi::Object::New(env);
  auto set = [&](const char *name, uint32_t value) { numbers.Set(name, value); };
  set("watchQps", ROAM_RXE_WATCH_QPS);
  set("watchMoves", ROAM_RXE_WATCH_MOVES);
  set("eventQps", ROAM_RXE_EVENT_QPS);
  set("eventMoves", ROAM_RXE_EVENT_MOVES);
  set("eventStays", ROAM_RXE_EVENT_STAYS);
  set("eventMoved", ROAM_RXE_EVENT_MOVED);
  set("announceNothing", ROAM_RXE_ANNOUNCE_NOTHING);
  set("announceMove", ROAM_RXE_ANNOUNCE_MOVE);
  set("announceStay", ROAM_RXE_ANNOUNCE_STAY);
  return numbers;
}

struct CloseProcess {
  void operator()(rxe_client_process *process) const { rxe_client_process_close(process); }
};

Napi::Value ProcessContexts(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  int pid = PidArgument(info, 0);
  rxe_client_process process = {};
  int err = rxe_client_process_open(pid, &process);
  if (err < 0) throw SystemError(env, "pidfd_getfd", -err, "pid " + std::to_string(pid));
  std::unique_ptr<rxe_client_process, CloseProcess> owner(&process);

  Napi::Array contexts = Napi::Array::New(env, process.count);
  for (size_t i = 0; i < process.count; i++) {
    const rxe_client_context &found = process.contexts[i];
    Napi::Object context = Napi::Object::New(env);
    context.Set("fd", found.fd);
    context.Set("targetFd", found.target_fd);
    context.Set("references", found.references);
    context.Set("device", std::string(found.ibdev));
    context.Set("isRxe", found.is_rxe);
    contexts.Set(static_cast<uint32_t>(i), context);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("contexts", contexts);
  result.Set("rdmaCmFd", process.rdma_cm_fd);
  // Nothing can fail any more: the descriptors change hands.
  for (size_t i = 0; i < process.count; i++) process.contexts[i].fd = -1;
  return result;
}

template <std::string (*Name)(uint32_t)>
Napi::Value Named(const Napi::CallbackInfo &info) {
  auto value = static_cast<uint32_t>(IntegerArgument(info, 0, "value", 0, std::numeric_limits<uint32_t>::max()));
  return Napi::String::New(info.Env(), Name(value));
}

Napi::Value Flags(const Napi::CallbackInfo &info) {
  auto bits = static_cast<uint32_t>(IntegerArgument(info, 0, "bits", 0, std::numeric_limits<uint32_t>::max()));
  return Strings(info.Env(), MigrationFlags(bits));
}

}  // namespace

void DefineRxe(Napi::Env env, Napi::Object exports) {
  exports.Set("rxeAbi", ROAM_RXE_ABI_VERSION);
  exports.Set("rxeDevices", Napi::Function::New<Devices>(env, "rxeDevices"));
  exports.Set("rxeOpen", Napi::Function::New<Open>(env, "rxeOpen"));
  exports.Set("rxeIsRxe", Napi::Function::New<IsRxe>(env, "rxeIsRxe"));
  exports.Set("rxeQuery", Napi::Function::New<Query>(env, "rxeQuery"));
  exports.Set("rxeListQps", Napi::Function::New<ListQps>(env, "rxeListQps"));
  exports.Set("rxeCheck", Napi::Function::New<Check>(env, "rxeCheck"));
  exports.Set("rxeMemory", Napi::Function::New<Memory>(env, "rxeMemory"));
  exports.Set("rxeStop", Napi::Function::New<Stop>(env, "rxeStop"));
  exports.Set("rxeResume", Napi::Function::New<Resume>(env, "rxeResume"));
  exports.Set("rxeGreet", Napi::Function::New<Greet>(env, "rxeGreet"));
  exports.Set("rxeReserve", Napi::Function::New<Reserve>(env, "rxeReserve"));
  exports.Set("rxeWatchNumbers", WatchNumbers(env));
  exports.Set("rxeWatch", Napi::Function::New<Watch>(env, "rxeWatch"));
  exports.Set("rxeAnnounce", Napi::Function::New<Announce>(env, "rxeAnnounce"));
  exports.Set("rxeTrack", Napi::Function::New<Track>(env, "rxeTrack"));
  exports.Set("rxeReady", Napi::Function::New<Ready>(env, "rxeReady"));
  exports.Set("processContexts", Napi::Function::New<ProcessContexts>(env, "processContexts"));
  exports.Set("qpStateName", Napi::Function::New<Named<QpStateName>>(env, "qpStateName"));
  exports.Set("qpTypeName", Napi::Function::New<Named<QpTypeName>>(env, "qpTypeName"));
  exports.Set("contextStateName", Napi::Function::New<Named<ContextStateName>>(env, "contextStateName"));
  exports.Set("migrationFlags", Napi::Function::New<Flags>(env, "migrationFlags"));
}

}  // namespace roam
