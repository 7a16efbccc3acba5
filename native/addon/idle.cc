// tcpKey(fd) and askIdle(keys, onAnswer): how long ago a TCP connection last carried data, asked by sock_diag(7), which needs no
// descriptor of the connection. Each question has its own thread: the kernel waits for the lock of the socket, which the program of
// the connection can hold for long (inside of send(2), while its memory is read from a slow file system).

#include "init.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "../files/descriptor.h"
#include "pending.h"
#include "values.h"

namespace uchroot {
namespace {

using Key = inet_diag_req_v2;

// False for an address that is not of the internet.
bool putAddress(const sockaddr_storage& storage, __be16& port, __be32 (&address)[4]) {
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    port = v4.sin_port;
    address[0] = v4.sin_addr.s_addr;
    return true;
  }
  if (storage.ss_family != AF_INET6) return false;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  port = v6.sin6_port;
  std::memcpy(address, &v6.sin6_addr, sizeof address);
  return true;
}

// tcpKey(fd) → Buffer; undefined if it is no TCP socket
Napi::Value tcpKey(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto number = toUint32(info[0], "fd");
  if (!number) return env.Undefined();
  const int fd = static_cast<int>(*number);
  int protocol = 0;
  socklen_t size = sizeof protocol;
  if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0) return checked(env, -1, "getsockopt");
  sockaddr_storage own = {}, peer = {};
  size = sizeof own;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) < 0) return checked(env, -1, "getsockname");
  Key key = {};
  if (protocol != IPPROTO_TCP || !putAddress(own, key.id.idiag_sport, key.id.idiag_src)) return env.Undefined();
  size = sizeof peer;
  // A socket that listens has no peer, nor has a connection that was reset.
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0)
    (void)putAddress(peer, key.id.idiag_dport, key.id.idiag_dst);
  key.sdiag_family = static_cast<__u8>(own.ss_family);
  key.sdiag_protocol = IPPROTO_TCP;
  key.idiag_ext = 1 << (INET_DIAG_INFO - 1);
  // A socket of one interface is found only with it.
  size = sizeof key.id.idiag_if;
  if (getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &key.id.idiag_if, &size) < 0) return checked(env, -1, "getsockopt");
  // Another connection can have the same addresses later.
  size = sizeof key.id.idiag_cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &key.id.idiag_cookie, &size) < 0) return checked(env, -1, "getsockopt");
  return Napi::Buffer<char>::Copy(env, reinterpret_cast<const char*>(&key), sizeof key);
}

bool isConnected(const inet_diag_msg& socket) {
  switch (socket.idiag_state) {
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
      return socket.idiag_inode != 0;  // 0: the last descriptor is closed, and the kernel alone ends the connection
    default:
      return false;
  }
}

uint32_t idleOf(const tcp_info& info) {
  // Data that is sent again carries nothing as long as the peer does not answer.
  const uint32_t sent = info.tcpi_retransmits > 0 ? info.tcpi_last_ack_recv : info.tcpi_last_data_sent;
  return std::min({sent, info.tcpi_last_data_recv, uint32_t{INT32_MAX}});
}

// Milliseconds, or a negative errno.
int readAnswer(const nlmsghdr* head) {
  if (head->nlmsg_type == NLMSG_ERROR) return static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
  const auto& socket = *static_cast<const inet_diag_msg*>(NLMSG_DATA(head));
  if (socket.idiag_state == TCP_LISTEN) return 0;
  if (!isConnected(socket)) return -ENOTCONN;
  const char* attribute = reinterpret_cast<const char*>(&socket + 1);
  for (size_t left = head->nlmsg_len - NLMSG_LENGTH(sizeof socket); left >= sizeof(nlattr);) {
    nlattr of;
    std::memcpy(&of, attribute, sizeof of);
    if (of.nla_len < sizeof of || of.nla_len > left) break;
    if (of.nla_type == INET_DIAG_INFO && of.nla_len >= NLA_HDRLEN + offsetof(tcp_info, tcpi_pmtu)) {
      tcp_info info = {};
      std::memcpy(&info, attribute + NLA_HDRLEN, std::min(sizeof info, static_cast<size_t>(of.nla_len - NLA_HDRLEN)));
      return static_cast<int>(idleOf(info));
    }
    const size_t whole = std::min<size_t>(NLA_ALIGN(of.nla_len), left);
    attribute += whole;
    left -= whole;
  }
  return -EOPNOTSUPP;
}

int ask(int netlink, const Key& key) {
  struct {
    nlmsghdr head;
    Key key;
  } const question = {{sizeof question, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0}, key};
  if (send(netlink, &question, sizeof question, 0) < 0) return -errno;
  alignas(nlmsghdr) char answer[8192];
  // the kernel has answered before send() returns
  const ssize_t got = recv(netlink, answer, sizeof answer, MSG_DONTWAIT);
  if (got < 0) return -errno;
  const auto* head = reinterpret_cast<const nlmsghdr*>(answer);
  const size_t bytes = static_cast<size_t>(got);
  const bool isWhole = bytes >= NLMSG_LENGTH(sizeof(nlmsgerr)) && head->nlmsg_len <= bytes &&
                       (head->nlmsg_type == NLMSG_ERROR || head->nlmsg_len >= NLMSG_LENGTH(sizeof(inet_diag_msg)));
  return isWhole ? readAnswer(head) : -EPROTO;
}

struct Questions {
  PendingCalls* calls;
  uint32_t id;
  std::vector<Key> keys;
};

// A call of askIdle(). Its thread cannot be stopped, and may live longer than this object.
class IdleLook final : public PendingCall {
 public:
  static constexpr CallKind kKind = CallKind::kIdle;
  IdleLook(PendingCalls& calls, Napi::Function onAnswer, size_t questions)
      : PendingCall(calls, kKind), onAnswer_(Napi::Persistent(onAnswer)), left_(questions) {
    calls_.hold();
  }
  ~IdleLook() override { calls_.letGo(); }

  void tell(uint32_t index, int answer) {
    const Napi::Env env(calls_.env());
    const Napi::HandleScope scope(env);
    if (mayCallJs(env)) callJs(env, onAnswer_, {Napi::Number::New(env, index), Napi::Number::New(env, answer)});
    if (--left_ == 0) delete this;
  }

  void shutDown() override { delete this; }

 private:
  Napi::FunctionReference onAnswer_;
  size_t left_;
};

void* run(void* data) {
  const std::unique_ptr<Questions> questions(static_cast<Questions*>(data));
  const Descriptor netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const int error = netlink.get() < 0 ? errno : 0;
  uint32_t index = 0;
  for (const Key& key : questions->keys) {
    const int answer = error == 0 ? ask(netlink.get(), key) : -error;
    questions->calls->post(questions->id, [index, answer](PendingCall& call) {
      static_cast<IdleLook&>(call).tell(index, answer);
    });
    index++;
  }
  return nullptr;
}

// askIdle(keys, onAnswer): the keys in one Uint8Array
Napi::Value askIdle(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || !info[1].IsFunction()) return wrongType(env, "askIdle(keys, onAnswer)");
  const auto array = info[0].As<Napi::Uint8Array>();
  auto* calls = static_cast<PendingCalls*>(info.Data());
  auto questions = std::make_unique<Questions>(Questions{calls, 0, std::vector<Key>(array.ByteLength() / sizeof(Key))});
  if (questions->keys.empty()) return env.Undefined();
  std::memcpy(questions->keys.data(), array.Data(), questions->keys.size() * sizeof(Key));
  auto look = std::make_unique<IdleLook>(*calls, info[1].As<Napi::Function>(), questions->keys.size());
  questions->id = look->id();
  if (const int error = startThread(run, questions.get()); error != 0) {
    throwErrno(env, error, "pthread_create");
    return env.Undefined();
  }
  (void)questions.release();  // the thread deletes it
  (void)look.release();       // it deletes itself
  return env.Undefined();
}

}  // namespace

void initIdle(Napi::Env env, Napi::Object exports, PendingCalls& calls) {
  exports.Set("tcpKey", Napi::Function::New<tcpKey>(env, "tcpKey"));
  exports.Set("askIdle", Napi::Function::New(env, askIdle, "askIdle", &calls));
}

}  // namespace uchroot
