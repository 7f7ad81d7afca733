#ifndef ROAM_SYS_TLS_STREAM_H
#define ROAM_SYS_TLS_STREAM_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../util/arguments.h"

namespace roam {

// One end of a TLS 1.3 connection, by the OpenSSL that this Node has.  It has no descriptor of its own: bytes of the
// socket are received and sent many records at a time.
//
// It takes whatever certificate the other end shows, or none: whoever uses it has to compare PeerCertificate()
// before it uses a byte of what came.  Nothing is resumed, so each connection proves anew who is there.
//
// Calls that return int give 0, EAGAIN (the socket has nothing, or no room), or the error, of which Problem() says more.
class TlsStream {
 public:
  // Whether this Node has an OpenSSL that can be called.
  static bool Available();

  // `cert` and `key` are DER (PKCS #8).  Null: `problem` says why.
  static std::unique_ptr<TlsStream> Create(bool server, Bytes cert, Bytes key, std::string *problem);

  ~TlsStream();
  TlsStream(const TlsStream &) = delete;
  TlsStream &operator=(const TlsStream &) = delete;

  // Called until it does not return EAGAIN.
  int Handshake(int fd);

  // Some bytes of what came.  None and 0: the other end has said that nothing follows.  ECONNRESET: the connection has
  // ended without that.
  int Read(int fd, uint8_t *bytes, size_t length, size_t *got);

  // Encrypts one record of at most kRecord bytes, which waits to be sent.
  int Seal(const uint8_t *bytes, size_t length);

  // The word that nothing follows, which waits to be sent.
  void SealEnd();

  // Sends what waits.
  int Send(int fd);

  // Only what waits is sent before more is encrypted, so that this memory stays as small.
  bool HasRoom() const { return out_.size() < kOutgoing; }
  bool Waits() const { return sent_ < out_.size(); }

  // DER; empty: it has shown none.
  std::vector<uint8_t> PeerCertificate() const;

  const std::string &Problem() const { return problem_; }

  static constexpr size_t kRecord = 16384;

 private:
  struct Bio;

  TlsStream() = default;
  int Outcome(int result);

  // Of the socket, in bytes: what one system call receives, and what waits before no more is encrypted.
  static constexpr size_t kIncoming = 256 * 1024;
  static constexpr size_t kOutgoing = 256 * 1024;
  // Whoever has not shown a certificate yet does not get that much memory.
  static constexpr size_t kHandshake = 16 * 1024;

  void *context_ = nullptr;
  void *ssl_ = nullptr;
  int fd_ = -1;
  // The error of recv(2) that the library has met through its BIO, and whether that was the end.
  int error_ = 0;
  bool ended_ = false;
  bool known_ = false;
  std::vector<uint8_t> in_;
  size_t taken_ = 0;
  size_t filled_ = 0;
  std::vector<uint8_t> out_;
  size_t sent_ = 0;
  std::string problem_;
};

}  // namespace roam

#endif
