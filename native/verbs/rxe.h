#ifndef ROAM_VERBS_RXE_H
#define ROAM_VERBS_RXE_H

#include <napi.h>

namespace roam {

// The methods of native/include/roam_rxe.h as JavaScript functions on uverbs descriptors, which belong
// to the caller.  Failures are system errors; EPROTONOSUPPORT means rxe without these methods.
//
//   rxeAbi                                    version of the interface that this addon was built for
//   rxeDevices() -> string[]                  names of the RDMA devices that have a uverbs file
//   rxeOpen(device) -> fd                     a descriptor with a verbs context of its own
//   rxeIsRxe(fd) -> boolean                   whether the driver behind it is rxe, any rxe
//   rxeQuery(fd) -> {abi, dumpVersion, contextState, moduleVersion, keyId?, counters}
//   rxeListQps(fd, wholeDevice) -> object[]
//   rxeCheck(fd) -> Array<{type, id, handle, detail?}>
//   rxeStop(fd, qpn, wholeDevice), rxeResume(fd, qpn, wholeDevice)       qpn 0: all of the context
//   processContexts(pid) -> {contexts: Array<{fd, targetFd, references, device, isRxe}>, rdmaCmFd}
//   qpStateName(n), qpTypeName(n), migrationFlags(bits), contextStateName(n)
void DefineRxe(Napi::Env env, Napi::Object exports);

}  // namespace roam

#endif
