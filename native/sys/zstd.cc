#include "zstd.h"

#include <dlfcn.h>
#include <time.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../util/arguments.h"

namespace roam {
namespace {

// Functions of the stable part of zstd.h, which libzstd.so.1 has kept since 1.0.  By dlopen(3), so that neither the
// build nor the start of `roam` needs the library: what lacks it sends uncompressed.
struct Library {
  const char *(*version)();
  void *(*create_cctx)();
  size_t (*free_cctx)(void *);
  size_t (*compress)(void *cctx, void *to, size_t room, const void *from, size_t length, int level);
  void *(*create_dctx)();
  size_t (*free_dctx)(void *);
  size_t (*decompress)(void *dctx, void *to, size_t room, const void *from, size_t length);
  size_t (*bound)(size_t length);
  unsigned (*is_error)(size_t code);
  const char *(*error_name)(size_t code);
};

const Library *Load() {
  static const std::unique_ptr<Library> loaded = []() -> std::unique_ptr<Library> {
    void *handle = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return nullptr;
    auto library = std::make_unique<Library>();
    bool whole = true;
    auto find = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(handle, name));
      whole = whole && function != nullptr;
    };
    find(library->version, "ZSTD_versionString");
    find(library->create_cctx, "ZSTD_createCCtx");
    find(library->free_cctx, "ZSTD_freeCCtx");
    find(library->compress, "ZSTD_compressCCtx");
    find(library->create_dctx, "ZSTD_createDCtx");
    find(library->free_dctx, "ZSTD_freeDCtx");
    find(library->decompress, "ZSTD_decompressDCtx");
    find(library->bound, "ZSTD_compressBound");
    find(library->is_error, "ZSTD_isError");
    find(library->error_name, "ZSTD_getErrorName");
    return whole ? std::move(library) : nullptr;
  }();
  return loaded.get();
}

const Library &Required(Napi::Env env) {
  const Library *library = Load();
  if (library == nullptr) throw Napi::Error::New(env, "libzstd.so.1 is missing");
  return *library;
}

// A context is half a megabyte that would be made anew for every block: each thread of the pool keeps its own.
void *CompressionContext(const Library &library) {
  thread_local std::unique_ptr<void, size_t (*)(void *)> context(library.create_cctx(), library.free_cctx);
  return context.get();
}

void *DecompressionContext(const Library &library) {
  thread_local std::unique_ptr<void, size_t (*)(void *)> context(library.create_dctx(), library.free_dctx);
  return context.get();
}

// Milliseconds of processor that this thread has had: how busy others keep the processors says nothing of zstd.
double ThreadTime() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

class Work : public Napi::AsyncWorker {
 public:
  // Runs on a thread of the pool.  Gives the number of bytes that it has put into `to`; what it throws rejects the promise.
  using Body = std::function<size_t(const uint8_t *from, size_t length, std::vector<uint8_t> &to)>;
  // What the promise is resolved with.
  using Answer = std::function<Napi::Value(Napi::Env env, Napi::Buffer<uint8_t> bytes, double ms)>;

  Work(Napi::Uint8Array from, Body body, Answer answer)
      : AsyncWorker(from.Env()),
        deferred_(Napi::Promise::Deferred::New(from.Env())),
        held_(Napi::Persistent(from.As<Napi::Object>())),
        from_(from.Data()),
        length_(from.ByteLength()),
        body_(std::move(body)),
        answer_(std::move(answer)) {}

  Napi::Promise Promise() { return deferred_.Promise(); }

  void Execute() override {
    double begun = ThreadTime();
    used_ = body_(from_, length_, to_);
    ms_ = ThreadTime() - begun;
  }

  void OnOK() override { deferred_.Resolve(answer_(Env(), Bytes(), ms_)); }

  void OnError(const Napi::Error &error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Buffer<uint8_t> Bytes() {
    // An external buffer without memory would be a detached one.
    if (used_ == 0) return Napi::Buffer<uint8_t>::New(Env(), 0);
    auto *bytes = new std::vector<uint8_t>(std::move(to_));
    auto free = [](Napi::Env, uint8_t *, std::vector<uint8_t> *hint) { delete hint; };
    return Napi::Buffer<uint8_t>::NewOrCopy(Env(), bytes->data(), used_, free, bytes);
  }

  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference held_;
  const uint8_t *from_;
  size_t length_;
  Body body_;
  Answer answer_;
  std::vector<uint8_t> to_;
  size_t used_ = 0;
  double ms_ = 0;
};

Napi::Uint8Array BytesArgument(const Napi::CallbackInfo &info) {
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(info.Env(), "bytes must be a Uint8Array");
  return info[0].As<Napi::Uint8Array>();
}

}  // namespace

Napi::Value ZstdVersion(const Napi::CallbackInfo &info) {
  const Library *library = Load();
  if (library == nullptr) return info.Env().Undefined();
  return Napi::String::New(info.Env(), library->version());
}

Napi::Value ZstdCompress(const Napi::CallbackInfo &info) {
  const Library &library = Required(info.Env());
  int level = static_cast<int>(IntegerArgument(info, 1, "level", -100, 19));
  auto body = [&library, level](auto *from, size_t length, auto &to) {
    to.resize(library.bound(length));
    size_t used = library.compress(CompressionContext(library), to.data(), to.size(), from, length, level);
    if (library.is_error(used)) throw std::runtime_error(std::string("zstd: ") + library.error_name(used));
    return used;
  };
  auto answer = [](Napi::Env env, Napi::Buffer<uint8_t> bytes, double ms) -> Napi::Value {
    Napi::Object both = Napi::Object::New(env);
    both.Set("bytes", bytes);
    both.Set("ms", ms);
    return both;
  };
  auto *work = new Work(BytesArgument(info), body, answer);
  Napi::Promise promise = work->Promise();
  work->Queue();
  return promise;
}

Napi::Value ZstdDecompress(const Napi::CallbackInfo &info) {
  const Library &library = Required(info.Env());
  // What a sender may ask this process to allocate at once.
  constexpr int64_t kMost = 64 << 20;
  size_t expected = static_cast<size_t>(IntegerArgument(info, 1, "length", 0, kMost));
  auto body = [&library, expected](auto *from, size_t length, auto &to) {
    to.resize(expected);
    size_t used = library.decompress(DecompressionContext(library), to.data(), to.size(), from, length);
    if (library.is_error(used)) throw std::runtime_error(std::string("zstd: ") + library.error_name(used));
    if (used != expected) throw std::runtime_error("zstd: a block of another length than announced");
    return used;
  };
  auto answer = [](Napi::Env, Napi::Buffer<uint8_t> bytes, double) -> Napi::Value { return bytes; };
  auto *work = new Work(BytesArgument(info), body, answer);
  Napi::Promise promise = work->Promise();
  work->Queue();
  return promise;
}

}  // namespace roam
