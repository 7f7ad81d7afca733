#include "tls_stream.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace roam {
namespace {

// Of ssl.h and bio.h, whose values belong to the ABI.
constexpr int kSetSessionCacheMode = 44;
constexpr int kSetMinProtoVersion = 123;
constexpr int kSetMaxProtoVersion = 124;
constexpr long kTls13 = 0x0304;
constexpr long kNoSessionCache = 0;
constexpr uint64_t kNoTicket = 1 << 14;
constexpr uint64_t kIgnoreUnexpectedEof = 1 << 7;
constexpr int kVerifyPeer = 1;
constexpr int kErrorWantRead = 2;
constexpr int kErrorWantWrite = 3;
constexpr int kErrorZeroReturn = 6;
constexpr int kBioSourceSink = 0x0400;
constexpr int kBioFlush = 11;
constexpr int kBioRetryRead = 1 | 8;
constexpr int kBioRetryAll = 15;

// Functions of libssl and libcrypto 3.  Node exports those that it was linked with for addons, or loads the system's
// libraries itself: either way they are found where its own are.  Another copy beside it would be one more to keep up
// to date, and its symbols would have to be kept apart from these.
struct Library {
  void *(*tls_method)();
  void *(*ctx_new)(const void *method);
  void (*ctx_free)(void *ctx);
  long (*ctx_ctrl)(void *ctx, int command, long number, void *pointer);
  uint64_t (*ctx_set_options)(void *ctx, uint64_t options);
  uint64_t (*ctx_clear_options)(void *ctx, uint64_t options);
  int (*ctx_set_num_tickets)(void *ctx, size_t count);
  int (*ctx_use_certificate)(void *ctx, int length, const unsigned char *der);
  int (*ctx_use_private_key)(void *ctx, void *key);
  int (*ctx_check_private_key)(const void *ctx);
  void (*ctx_set_verify)(void *ctx, int mode, void *callback);
  void (*ctx_set_cert_verify)(void *ctx, int (*callback)(void *, void *), void *argument);
  void *(*d2i_private_key)(void **key, const unsigned char **der, long length);
  void (*private_key_free)(void *key);
  void *(*ssl_new)(void *ctx);
  void (*ssl_free)(void *ssl);
  void (*set_bio)(void *ssl, void *reading, void *writing);
  void (*set_accept_state)(void *ssl);
  void (*set_connect_state)(void *ssl);
  int (*do_handshake)(void *ssl);
  int (*read)(void *ssl, void *bytes, size_t length, size_t *got);
  int (*write)(void *ssl, const void *bytes, size_t length, size_t *put);
  int (*shutdown)(void *ssl);
  int (*get_error)(const void *ssl, int result);
  void *(*peer_certificate)(const void *ssl);
  int (*i2d_certificate)(const void *certificate, unsigned char **der);
  void (*err_clear)();
  unsigned long (*err_peek_last)();
  const char *(*err_reason)(unsigned long error);
  int (*bio_new_index)();
  void *(*bio_meth_new)(int type, const char *name);
  int (*bio_meth_set_read)(void *method, int (*read)(void *, char *, size_t, size_t *));
  int (*bio_meth_set_write)(void *method, int (*write)(void *, const char *, size_t, size_t *));
  int (*bio_meth_set_ctrl)(void *method, long (*ctrl)(void *, int, long, void *));
  void *(*bio_new)(const void *method);
  void (*bio_set_data)(void *bio, void *data);
  void *(*bio_get_data)(void *bio);
  void (*bio_set_init)(void *bio, int init);
  void (*bio_set_flags)(void *bio, int flags);
  void (*bio_clear_flags)(void *bio, int flags);
  void *method = nullptr;
};

}  // namespace

// What the library reads and writes: the buffers of a TlsStream.
struct TlsStream::Bio {
  static const Library *Load();

  static int Read(void *bio, char *bytes, size_t length, size_t *got) {
    const Library &lib = *Load();
    auto *self = static_cast<TlsStream *>(lib.bio_get_data(bio));
    lib.bio_clear_flags(bio, kBioRetryAll);
    *got = 0;
    if (self->taken_ == self->filled_) {
      ssize_t came;
      do came = recv(self->fd_, self->in_.data(), self->in_.size(), MSG_DONTWAIT);
      while (came < 0 && errno == EINTR);
      if (came <= 0) {
        if (came == 0)
          self->ended_ = true;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
          lib.bio_set_flags(bio, kBioRetryRead);
        else
          self->error_ = errno;
        return 0;
      }
      self->taken_ = 0;
      self->filled_ = static_cast<size_t>(came);
    }
    *got = std::min(length, self->filled_ - self->taken_);
    memcpy(bytes, self->in_.data() + self->taken_, *got);
    self->taken_ += *got;
    return 1;
  }

  static int Write(void *bio, const char *bytes, size_t length, size_t *put) {
    auto *self = static_cast<TlsStream *>(Load()->bio_get_data(bio));
    self->out_.insert(self->out_.end(), bytes, bytes + length);
    *put = length;
    return 1;
  }

  static long Control(void *, int command, long, void *) { return command == kBioFlush ? 1 : 0; }
};

const Library *TlsStream::Bio::Load() {
  static const std::unique_ptr<Library> loaded = []() -> std::unique_ptr<Library> {
    auto library = std::make_unique<Library>();
    bool whole = true;
    auto find = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(RTLD_DEFAULT, name));
      whole = whole && function != nullptr;
    };
    find(library->tls_method, "TLS_method");
    find(library->ctx_new, "SSL_CTX_new");
    find(library->ctx_free, "SSL_CTX_free");
    find(library->ctx_ctrl, "SSL_CTX_ctrl");
    find(library->ctx_set_options, "SSL_CTX_set_options");
    find(library->ctx_clear_options, "SSL_CTX_clear_options");
    find(library->ctx_set_num_tickets, "SSL_CTX_set_num_tickets");
    find(library->ctx_use_certificate, "SSL_CTX_use_certificate_ASN1");
    find(library->ctx_use_private_key, "SSL_CTX_use_PrivateKey");
    find(library->ctx_check_private_key, "SSL_CTX_check_private_key");
    find(library->ctx_set_verify, "SSL_CTX_set_verify");
    find(library->ctx_set_cert_verify, "SSL_CTX_set_cert_verify_callback");
    find(library->d2i_private_key, "d2i_AutoPrivateKey");
    find(library->private_key_free, "EVP_PKEY_free");
    find(library->ssl_new, "SSL_new");
    find(library->ssl_free, "SSL_free");
    find(library->set_bio, "SSL_set_bio");
    find(library->set_accept_state, "SSL_set_accept_state");
    find(library->set_connect_state, "SSL_set_connect_state");
    find(library->do_handshake, "SSL_do_handshake");
    find(library->read, "SSL_read_ex");
    find(library->write, "SSL_write_ex");
    find(library->shutdown, "SSL_shutdown");
    find(library->get_error, "SSL_get_error");
    // Came with OpenSSL 3, whose types of options are the ones above.
    find(library->peer_certificate, "SSL_get0_peer_certificate");
    find(library->i2d_certificate, "i2d_X509");
    find(library->err_clear, "ERR_clear_error");
    find(library->err_peek_last, "ERR_peek_last_error");
    find(library->err_reason, "ERR_reason_error_string");
    find(library->bio_new_index, "BIO_get_new_index");
    find(library->bio_meth_new, "BIO_meth_new");
    find(library->bio_meth_set_read, "BIO_meth_set_read_ex");
    find(library->bio_meth_set_write, "BIO_meth_set_write_ex");
    find(library->bio_meth_set_ctrl, "BIO_meth_set_ctrl");
    find(library->bio_new, "BIO_new");
    find(library->bio_set_data, "BIO_set_data");
    find(library->bio_get_data, "BIO_get_data");
    find(library->bio_set_init, "BIO_set_init");
    find(library->bio_set_flags, "BIO_set_flags");
    find(library->bio_clear_flags, "BIO_clear_flags");
    if (!whole) return nullptr;
    library->method = library->bio_meth_new(library->bio_new_index() | kBioSourceSink, "roam");
    if (library->method == nullptr) return nullptr;
    library->bio_meth_set_read(library->method, Bio::Read);
    library->bio_meth_set_write(library->method, Bio::Write);
    library->bio_meth_set_ctrl(library->method, Bio::Control);
    return library;
  }();
  return loaded.get();
}

bool TlsStream::Available() { return Bio::Load() != nullptr; }

std::unique_ptr<TlsStream> TlsStream::Create(bool server, Bytes cert, Bytes key, std::string *problem) {
  const Library &lib = *Bio::Load();
  std::unique_ptr<TlsStream> self(new TlsStream);
  auto fail = [&](const char *what) {
    const char *reason = lib.err_reason(lib.err_peek_last());
    lib.err_clear();
    *problem = std::string(what) + ": " + (reason == nullptr ? "failed" : reason);
    return nullptr;
  };
  lib.err_clear();
  void *ctx = self->context_ = lib.ctx_new(lib.tls_method());
  if (ctx == nullptr) return fail("TLS");
  if (lib.ctx_ctrl(ctx, kSetMinProtoVersion, kTls13, nullptr) != 1 ||
      lib.ctx_ctrl(ctx, kSetMaxProtoVersion, kTls13, nullptr) != 1 || lib.ctx_set_num_tickets(ctx, 0) != 1)
    return fail("TLS 1.3");
  lib.ctx_ctrl(ctx, kSetSessionCacheMode, kNoSessionCache, nullptr);
  lib.ctx_set_options(ctx, kNoTicket);
  // A configuration of the system may have set it; an end without a word is an error here.
  lib.ctx_clear_options(ctx, kIgnoreUnexpectedEof);
  lib.ctx_set_verify(ctx, kVerifyPeer, nullptr);
  // The handshake still proves that the other end has the key of the certificate that it shows.
  lib.ctx_set_cert_verify(ctx, [](void *, void *) { return 1; }, nullptr);
  if (lib.ctx_use_certificate(ctx, static_cast<int>(cert.length), cert.data) != 1) return fail("certificate");
  const unsigned char *der = key.data;
  void *secret = lib.d2i_private_key(nullptr, &der, static_cast<long>(key.length));
  if (secret == nullptr) return fail("key");
  bool used = lib.ctx_use_private_key(ctx, secret) == 1 && lib.ctx_check_private_key(ctx) == 1;
  lib.private_key_free(secret);
  if (!used) return fail("key");
  self->ssl_ = lib.ssl_new(ctx);
  void *bio = self->ssl_ == nullptr ? nullptr : lib.bio_new(lib.method);
  if (bio == nullptr) return fail("TLS");
  lib.bio_set_data(bio, self.get());
  lib.bio_set_init(bio, 1);
  lib.set_bio(self->ssl_, bio, bio);
  (server ? lib.set_accept_state : lib.set_connect_state)(self->ssl_);
  self->in_.resize(kHandshake);
  return self;
}

TlsStream::~TlsStream() {
  const Library &lib = *Bio::Load();
  if (ssl_ != nullptr) lib.ssl_free(ssl_);
  if (context_ != nullptr) lib.ctx_free(context_);
}

// Of a call that did not do what it should.  The queue of errors is this thread's, and Node's too: nothing stays in it.
int TlsStream::Outcome(int result) {
  const Library &lib = *Bio::Load();
  int kind = lib.get_error(ssl_, result);
  if (kind == kErrorWantRead || kind == kErrorWantWrite) return EAGAIN;
  if (kind == kErrorZeroReturn && !ended_) return 0;
  const char *reason = lib.err_reason(lib.err_peek_last());
  lib.err_clear();
  if (error_ != 0) return error_;
  if (ended_) {
    problem_ = "it hung up";
    return ECONNRESET;
  }
  problem_ = reason == nullptr ? "failed" : reason;
  return EPROTO;
}

int TlsStream::Handshake(int fd) {
  const Library &lib = *Bio::Load();
  fd_ = fd;
  lib.err_clear();
  int result = lib.do_handshake(ssl_);
  int err = result == 1 ? 0 : Outcome(result);
  if (err == 0 && result != 1) err = ECONNRESET;
  if (err == 0 && !known_) {
    known_ = true;
    std::vector<uint8_t> wide(kIncoming);
    filled_ -= taken_;
    memcpy(wide.data(), in_.data() + taken_, filled_);
    taken_ = 0;
    in_ = std::move(wide);
  }
  // Also the alert that says what was wrong.
  int sending = Send(fd);
  return err == 0 ? sending : err;
}

int TlsStream::Read(int fd, uint8_t *bytes, size_t length, size_t *got) {
  const Library &lib = *Bio::Load();
  fd_ = fd;
  *got = 0;
  lib.err_clear();
  int result = lib.read(ssl_, bytes, length, got);
  return result == 1 ? 0 : Outcome(result);
}

int TlsStream::Seal(const uint8_t *bytes, size_t length) {
  const Library &lib = *Bio::Load();
  size_t put = 0;
  lib.err_clear();
  int result = lib.write(ssl_, bytes, length, &put);
  if (result == 1) return 0;
  int err = Outcome(result);
  // The buffer takes everything: there is nothing that this could wait for.
  return err == 0 || err == EAGAIN ? EPROTO : err;
}

void TlsStream::SealEnd() {
  const Library &lib = *Bio::Load();
  lib.shutdown(ssl_);
  lib.err_clear();
}

int TlsStream::Send(int fd) {
  while (Waits()) {
    ssize_t sent = send(fd, out_.data() + sent_, out_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
      sent_ += static_cast<size_t>(sent);
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
      return EAGAIN;
    else if (errno != EINTR)
      return errno;
  }
  out_.clear();
  sent_ = 0;
  return 0;
}

std::vector<uint8_t> TlsStream::PeerCertificate() const {
  const Library &lib = *Bio::Load();
  void *certificate = lib.peer_certificate(ssl_);
  if (certificate == nullptr) return {};
  int length = lib.i2d_certificate(certificate, nullptr);
  if (length <= 0) return {};
  std::vector<uint8_t> der(static_cast<size_t>(length));
  unsigned char *to = der.data();
  lib.i2d_certificate(certificate, &to);
  return der;
}

}  // namespace roam
