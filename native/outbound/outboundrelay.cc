#include "outboundrelay.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "../addon/pending.h"
#include "../files/descriptor.h"

namespace uchroot {
namespace {

// A hostile program can ask as often as it likes. These bound what it costs: descriptors and memory, and the time of the event loop.
constexpr size_t kMostConnections = 512;
constexpr size_t kMostAsked = 64;
// of the event loop, which is not asked about what is remembered
constexpr double kAskedPerSecond = 1000, kAskedAtOnce = 256;
constexpr int kPauseMs = 100;  // without descriptors
constexpr unsigned kEighthsOfNew = 6;
constexpr int kAgainMs = 20;
// A program that looks for dead peers sees the relay alone; and a router on the way forgets a silent connection.
constexpr int kSilentSeconds = 60, kProbeSeconds = 15, kProbes = 4;
constexpr int kFinishMs = 5000;

constexpr size_t kMostQueryBytes = 1232;  // RFC 9715
constexpr size_t kOwnSockets = 4;         // the others are doors, and listeners for further ports
constexpr size_t kMostTalks = 8;
constexpr int kMostTries = 4;                       // TCP_SYNCNT: half a minute

// In epoll_event.data, above the number of a connection.
enum Source : uint64_t { kWake, kDatagrams, kListener, kTalkers, kTalk, kDoor, kPort, kCaller, kCalled };
constexpr uint64_t dataOf(Source source, uint32_t id) { return static_cast<uint64_t>(source) << 32 | id; }

int64_t nowMs() {
  timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

void closeWithReset(int& fd) {
  if (fd < 0) return;
  const linger now = {1, 0};
  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  closeIfOpen(fd);
}

int newSocket(int family) { return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

void sendAtOnce(int fd) {
  const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void seeDeath(int fd) {
  const int on = 1;
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kSilentSeconds, sizeof kSilentSeconds);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kProbeSeconds, sizeof kProbeSeconds);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
}

// The effective ids of this thread are those of the program, as long as this lives. Its real and saved ids stay, so that no process of the
// program's user may signal or trace the service (kill(2), ptrace(2)). A change makes the whole process undumpable (PR_SET_DUMPABLE(2const)).
class ProgramIds {
 public:
  explicit ProgramIds(const std::optional<Ids>& ids) {
    if (!ids) return;
    const int count = getgroups(0, nullptr);
    before_.groups.resize(static_cast<size_t>(std::max(count, 0)));
    if (count < 0 || getgroups(count, before_.groups.data()) < 0) error_ = errno;
    if (error_ != 0) return;
    before_.uid = geteuid();
    before_.gid = getegid();
    dumpable_ = prctl(PR_GET_DUMPABLE);
    isChanged_ = true;
    become(*ids, false);
  }
  ProgramIds(const ProgramIds&) = delete;
  ProgramIds& operator=(const ProgramIds&) = delete;
  // Without its ids the thread could do less than before, and never more.
  ~ProgramIds() {
    if (!isChanged_) return;
    become(before_, true);
    if (dumpable_ == 1) (void)prctl(PR_SET_DUMPABLE, 1);
  }

  int error() const { return error_; }

 private:
  // The functions of libc would change all threads (nptl(7)).
  void become(const Ids& ids, bool uidComesFirst) {
    const auto setUid = [&] { return syscall(SYS_setresuid, -1, ids.uid, -1) == 0; };
    const bool isDone = (!uidComesFirst || setUid()) && syscall(SYS_setresgid, -1, ids.gid, -1) == 0 &&
                        syscall(SYS_setgroups, ids.groups.size(), ids.groups.data()) == 0 && (uidComesFirst || setUid());
    if (!isDone) error_ = errno;
  }

  Ids before_ = {};
  int error_ = 0, dumpable_ = 0;
  bool isChanged_ = false;
};

// So many places and questions are remembered.
constexpr size_t kMostKept = 256;

template <typename Memory, typename Answer>
void keep(Memory& memory, const std::string& key, const Answer& answer, int64_t keepMs) {
  if (memory.size() >= kMostKept) memory.clear();
  memory.insert_or_assign(key, typename Memory::mapped_type{answer, nowMs() + keepMs});
}

template <typename Memory>
auto recall(const Memory& memory, const std::string& key) -> decltype(&memory.begin()->second.answer) {
  const auto found = memory.find(key);
  return found == memory.end() || found->second.untilMs <= nowMs() ? nullptr : &found->second.answer;
}

std::string keyOf(const Place& place) {
  std::string key(reinterpret_cast<const char*>(&place.address), sizeof place.address);
  return key.append(reinterpret_cast<const char*>(&place.port), sizeof place.port);
}

}  // namespace

struct Connection {
  uint32_t id;
  int caller = -1, called = -1, door = -1;
  uint16_t inside = 0;  // a port of the program, which is called by the host; 0: the program calls
  Place wanted = {};
  int family = AF_INET;  // by which it is dialed next; 0: there is none
  bool isKept = false;   // it is dialed without having been asked about
  bool isOpen = false;   // both ends are
  bool isReady = false;  // it is in OutboundRelay::ready_
  Flow out = {}, in = {};  // from the caller, and to it
};

OutboundRelay::OutboundRelay(const std::vector<int>& sockets, std::vector<HostPort> ports, std::optional<Ids> ids,
                             std::function<void(const Asked&)> ask)
    : listener_(sockets[0]), datagrams_(sockets[1]), talkers_(sockets[2]), network_(sockets[3]),
      doors_(sockets.begin() + kOwnSockets, sockets.end()), ports_(std::move(ports)), ids_(std::move(ids)), ask_(std::move(ask)),
      tokens_(kAskedAtOnce) {}

OutboundRelay::~OutboundRelay() {
  isEnding_ = true;
  const uint64_t one = 1;
  if (isRunning_) {
    (void)!write(wake_, &one, sizeof one);
    (void)pthread_join(thread_, nullptr);
  }
  while (!connections_.empty()) drop(connections_.begin()->first, true);
  while (!talks_.empty()) hangUp(talks_.begin()->first);
  closeListeners();
  closeIfOpen(epoll_);
  closeIfOpen(wake_);
}

int OutboundRelay::start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || wake_ < 0) return errno;
  if (!watch(wake_, dataOf(kWake, 0), EPOLLIN, EPOLL_CTL_ADD) || !watchListeners(0, EPOLL_CTL_ADD)) return errno;
  if (const int error = ports_.empty() ? 0 : inside_.open(network_); error != 0) return error;
  const auto main = [](void* self) -> void* {
    static_cast<OutboundRelay*>(self)->run();
    return nullptr;
  };
  const int error = startThread(main, this, &thread_);
  isRunning_ = error == 0;
  return error;
}

void OutboundRelay::answer(uint32_t id, std::string bytes, int64_t keepMs) {
  order({Order::kAnswer, id, std::move(bytes), {}, keepMs});
}
void OutboundRelay::dial(uint32_t id, const Place& to, int64_t keepMs) { order({Order::kDial, id, {}, to, keepMs}); }
void OutboundRelay::dialPath(uint32_t id, std::string path) { order({Order::kDialPath, id, std::move(path)}); }
void OutboundRelay::refuse(uint32_t id) { order({Order::kRefuse, id}); }

void OutboundRelay::order(Order order) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    orders_.push_back(std::move(order));
  }
  const uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);  // fails only if the thread has much to read already
}

void OutboundRelay::finish(std::function<void()> onEnd) {
  // the next launch may have these ports at once
  for (const HostPort& port : ports_) (void)shutdown(port.fd, SHUT_RDWR);
  onEnd_ = std::move(onEnd);
  isFinishing_ = true;
  const uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);
}

bool OutboundRelay::watchListeners(uint32_t events, int operation) {
  const auto watchOne = [&](int fd, Source source, size_t id) {
    return fd < 0 || watch(fd, dataOf(source, static_cast<uint32_t>(id)), events, operation);
  };
  bool isDone = watchOne(datagrams_, kDatagrams, 0) && watchOne(listener_, kListener, 0) && watchOne(talkers_, kTalkers, 0);
  for (size_t i = 0; i < doors_.size(); i++) isDone = isDone && watchOne(doors_[i], kDoor, i);
  for (size_t i = 0; i < ports_.size(); i++) isDone = isDone && watchOne(ports_[i].fd, kPort, i);
  return isDone;
}

void OutboundRelay::closeListeners() {
  for (int* fd : {&listener_, &datagrams_, &talkers_, &network_}) closeIfOpen(*fd);
  for (int& fd : doors_) closeIfOpen(fd);
  for (HostPort& port : ports_) closeIfOpen(port.fd);
}

// Connections that wait are the program's last ones.
void OutboundRelay::closeDoors() {
  endsAtMs_ = nowMs() + kFinishMs;
  accept(listener_, -1);
  for (size_t i = 0; i < doors_.size(); i++) accept(doors_[i], doorOf(i));
  while (!talks_.empty()) hangUp(talks_.begin()->first);
  closeListeners();
  std::vector<uint32_t> open;
  for (const auto& [id, connection] : connections_) {
    if (connection->isOpen) open.push_back(id);
  }
  for (const uint32_t id : open) move(*connections_.at(id));
}

bool OutboundRelay::isOver() const { return endsAtMs_ > 0 && (connections_.empty() || nowMs() >= endsAtMs_); }

int OutboundRelay::wait() const {
  if (!ready_.empty()) return 0;
  if (!later_.empty()) return kAgainMs;
  if (endsAtMs_ > 0) return static_cast<int>(std::max<int64_t>(1, endsAtMs_ - nowMs()));
  return isListening_ || asked_ >= kMostAsked || connections_.size() >= kMostConnections ? -1 : 10;
}

void OutboundRelay::run() {
  epoll_event events[64];
  while (!isEnding_ && !isOver()) {
    if (isFinishing_ && endsAtMs_ == 0) closeDoors();
    if (endsAtMs_ == 0) listen();
    if (isOver()) break;
    const int count = epoll_wait(epoll_, events, static_cast<int>(std::size(events)), wait());
    for (int i = 0; i < count && !isEnding_; i++) onReady(events[i].data.u64, events[i].events);
    askAgain();
    for (size_t left = ready_.size(); left > 0 && !isEnding_; left--) {
      const auto found = connections_.find(ready_.front());
      ready_.pop_front();
      if (found == connections_.end()) continue;
      found->second->isReady = false;
      move(*found->second);
    }
  }
  if (isFinishing_) onEnd_();
}

void OutboundRelay::onReady(uint64_t data, uint32_t events) {
  const auto id = static_cast<uint32_t>(data);
  switch (static_cast<Source>(data >> 32)) {
    case kWake: return takeOrders();
    case kDatagrams: return receive();
    case kListener: return accept(listener_, -1);
    case kDoor: return accept(doors_[id], doorOf(id));
    case kPort: return accept(ports_[id].fd, -1, ports_[id].inside);
    case kTalkers: return acceptTalk();
    case kTalk: return hear(id);
    default: break;
  }
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (found->second->isOpen) return move(*found->second);
  if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) onDialed(*found->second);
}

bool OutboundRelay::watch(int fd, uint64_t data, uint32_t events, int operation) {
  epoll_event event = {.events = events, .data = {.u64 = data}};
  return epoll_ctl(epoll_, operation, fd, &event) == 0;
}

int64_t OutboundRelay::refill() {
  const int64_t now = nowMs();
  if (refilledMs_ > 0) tokens_ = std::min(kAskedAtOnce, tokens_ + static_cast<double>(now - refilledMs_) * kAskedPerSecond / 1000);
  refilledMs_ = now;
  return now;
}

void OutboundRelay::listen() {
  const int64_t now = refill();
  const bool isWanted = asked_ < kMostAsked && connections_.size() < kMostConnections && tokens_ >= 1 && now >= pausedUntilMs_;
  if (isWanted == isListening_) return;
  isListening_ = isWanted;
  (void)watchListeners(isWanted ? static_cast<uint32_t>(EPOLLIN) : 0, EPOLL_CTL_MOD);
}

void OutboundRelay::ask(const Asked& asked) {
  asked_++;
  tokens_--;
  ask_(asked);
}

void OutboundRelay::askAgain() {
  for (; !later_.empty() && later_.front().first <= nowMs(); later_.pop_front()) {
    const auto found = connections_.find(later_.front().second);
    if (found != connections_.end()) ask({.kind = Asked::kDoor, .id = found->first, .number = found->second->door});
  }
}

// -1: it is no door, but a socket for one more port, where no rules lead all of them to the listener
int OutboundRelay::doorOf(size_t number) const {
  int domain = 0;
  socklen_t size = sizeof domain;
  const bool isDoor = getsockopt(doors_[number], SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
  return isDoor ? static_cast<int>(number) : -1;
}

// @param door its number; -1: the listener's connections say by their address whom they are for, or the port says it
void OutboundRelay::accept(int listener, int door, uint16_t inside) {
  while (asked_ < kMostAsked && connections_.size() < kMostConnections && tokens_ >= 1) {
    int room = keepRoom(fcntl(wake_, F_DUPFD_CLOEXEC, 0), kEighthsOfNew);
    const int fd = room < 0 ? -1 : accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    const int error = errno;
    closeIfOpen(room);
    if (fd < 0) {
      if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS) pausedUntilMs_ = nowMs() + kPauseMs;
      return;
    }
    const uint32_t id = ++lastId_;
    auto connection = std::make_unique<Connection>(Connection{.id = id, .caller = fd, .door = door, .inside = inside});
    if (inside != 0) {
      sendAtOnce(fd);
      seeDeath(fd);
      dialInside(*connections_.emplace(id, std::move(connection)).first->second);
      continue;
    }
    if (door >= 0) {
      connections_.emplace(id, std::move(connection));
      ask({.kind = Asked::kDoor, .id = id, .number = door});
      continue;
    }
    sockaddr_in6 at = {};
    socklen_t size = sizeof at;
    const bool isKnown = getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0 && at.sin6_family == AF_INET6;
    connections_.emplace(id, std::move(connection));
    if (!isKnown) {
      drop(id, true);
      continue;
    }
    sendAtOnce(fd);
    Connection& made = *connections_.at(id);
    made.wanted = {at.sin6_addr, ntohs(at.sin6_port)};
    const Place* kept = recall(places_, keyOf(made.wanted));
    made.isKept = kept != nullptr;
    if (made.isKept) {
      dial(made, *kept);
    } else {
      ask({.kind = Asked::kConnection, .id = id, .place = made.wanted});
    }
  }
}

void OutboundRelay::receive() {
  while (asked_ < kMostAsked && tokens_ >= 1) {
    char bytes[kMostQueryBytes];
    iovec part = {bytes, sizeof bytes};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))];
    Question question = {};
    msghdr message = {};
    message.msg_name = &question.from;
    message.msg_namelen = sizeof question.from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(datagrams_, &message, MSG_DONTWAIT);
    if (got < 0) return;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    const bool hasPlace = header != nullptr && header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO;
    if ((message.msg_flags & MSG_TRUNC) != 0 || !hasPlace) continue;
    std::memcpy(&question.at, CMSG_DATA(header), sizeof question.at);
    question.asked.assign(bytes, static_cast<size_t>(got));
    heed(std::move(question));
  }
}

void OutboundRelay::heed(Question question) {
  if (question.asked.size() < 2) return;
  if (const std::string* kept = recall(answers_, question.asked.substr(2)); kept != nullptr)
    return send(question, question.asked.substr(0, 2) + *kept);
  const uint32_t id = ++lastId_;
  ask({.kind = Asked::kQuery, .id = id, .bytes = question.asked});
  questions_.emplace(id, std::move(question));
}

// RFC 7766. A program that opens more than it needs loses the first.
void OutboundRelay::acceptTalk() {
  const int fd = accept4(talkers_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (talks_.size() >= kMostTalks) hangUp(talks_.begin()->first);
  const uint32_t id = ++lastId_;
  talks_.emplace(id, Talk{fd});
  if (!watch(fd, dataOf(kTalk, id), EPOLLIN, EPOLL_CTL_ADD)) hangUp(id);
}

void OutboundRelay::hangUp(uint32_t id) {
  const auto found = talks_.find(id);
  if (found == talks_.end()) return;
  close(found->second.fd);
  talks_.erase(found);
}

// A message has its length before it, in two bytes.
void OutboundRelay::hear(uint32_t id) {
  const auto found = talks_.find(id);
  if (found == talks_.end()) return;
  std::string& got = found->second.got;
  char bytes[kMostQueryBytes + 2];
  const ssize_t count = recv(found->second.fd, bytes, sizeof bytes - got.size(), MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return hangUp(id);
  got.append(bytes, static_cast<size_t>(count));
  while (got.size() >= 2) {
    const size_t length = static_cast<size_t>(static_cast<uint8_t>(got[0])) << 8 | static_cast<uint8_t>(got[1]);
    if (length > kMostQueryBytes || asked_ >= kMostAsked || tokens_ < 1) return hangUp(id);
    if (got.size() < length + 2) return;
    Question question = {};
    question.talk = id;
    question.asked = got.substr(2, length);
    got.erase(0, length + 2);
    heed(std::move(question));
    if (talks_.count(id) == 0) return;
  }
}

void OutboundRelay::sayTo(uint32_t talk, const std::string& bytes) {
  const auto found = talks_.find(talk);
  if (found == talks_.end()) return;
  const char length[2] = {static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())};
  const std::string whole = std::string(length, 2) + bytes;
  const ssize_t sent = ::send(found->second.fd, whole.data(), whole.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(whole.size())) hangUp(talk);
}

// From the address that was asked: a resolver takes no answer from another one.
void OutboundRelay::send(const Question& question, std::string bytes) {
  if (question.talk != 0) return sayTo(question.talk, bytes);
  iovec part = {bytes.data(), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
  msghdr message = {};
  sockaddr_in6 to = question.from;
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_IPV6;
  header->cmsg_type = IPV6_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof question.at);
  std::memcpy(CMSG_DATA(header), &question.at, sizeof question.at);
  (void)sendmsg(datagrams_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);  // the program asks again
}

void OutboundRelay::takeOrders() {
  uint64_t count;
  (void)!read(wake_, &count, sizeof count);
  std::vector<Order> orders;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    orders.swap(orders_);
  }
  for (const Order& order : orders) carryOut(order);
}

void OutboundRelay::reply(const Order& order) {
  const auto found = questions_.find(order.id);
  if (found == questions_.end()) return;
  asked_--;
  const Question question = std::move(found->second);
  questions_.erase(found);
  if (order.bytes.size() < 2) return;
  if (order.keepMs > 0) keep(answers_, question.asked.substr(2), order.bytes.substr(2), order.keepMs);
  send(question, order.bytes);
}

void OutboundRelay::carryOut(const Order& order) {
  if (order.kind == Order::kAnswer) return reply(order);
  const auto found = connections_.find(order.id);
  if (found == connections_.end()) return;
  asked_--;
  if (order.kind == Order::kRefuse) return drop(order.id, true);
  if (order.kind == Order::kDialPath) return dialPath(*found->second, order.bytes);
  if (order.keepMs > 0) keep(places_, keyOf(found->second->wanted), order.to, order.keepMs);
  dial(*found->second, order.to);
}

void OutboundRelay::dial(Connection& connection, const Place& to) {
  const bool isMapped = IN6_IS_ADDR_V4MAPPED(&to.address);
  sockaddr_in6 six = {};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(to.port);
  six.sin6_addr = to.address;
  sockaddr_in four = {};
  four.sin_family = AF_INET;
  four.sin_port = htons(to.port);
  std::memcpy(&four.sin_addr, to.address.s6_addr + 12, sizeof four.sin_addr);
  const auto* target = isMapped ? reinterpret_cast<const sockaddr*>(&four) : reinterpret_cast<const sockaddr*>(&six);
  const int error = dialAt(connection, newSocket(target->sa_family), target, isMapped ? sizeof four : sizeof six);
  if (error != 0) fail(connection, error);
}

// The program listens at the loopback of its network, or at all addresses.
void OutboundRelay::dialInside(Connection& connection) {
  sockaddr_in four = {};
  four.sin_family = AF_INET;
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 six = {};
  six.sin6_family = AF_INET6;
  six.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  four.sin_port = six.sin6_port = htons(connection.inside);
  while (connection.family != 0) {
    const bool isFour = connection.family == AF_INET;
    const int fd = inside_.make(std::exchange(connection.family, isFour ? AF_INET6 : 0));
    const auto* to = isFour ? reinterpret_cast<const sockaddr*>(&four) : reinterpret_cast<const sockaddr*>(&six);
    if (dialAt(connection, fd, to, isFour ? sizeof four : sizeof six) == 0) return;
    closeIfOpen(connection.called);
  }
  drop(connection.id, true);
}

// @param fd a new socket; -1: there is none, with an errno
// Returns 0 or an errno.
int OutboundRelay::dialAt(Connection& connection, int fd, const sockaddr* to, socklen_t size) {
  connection.called = keepRoom(fd, kEighthsOfAll);
  int error = connection.called < 0 ? errno : 0;
  if (error == 0) {
    if (to->sa_family != AF_UNIX) sendAtOnce(connection.called);
    if (to->sa_family != AF_UNIX) seeDeath(connection.called);
    if (to->sa_family != AF_UNIX) (void)setsockopt(connection.called, IPPROTO_TCP, TCP_SYNCNT, &kMostTries, sizeof kMostTries);
    if (connect(connection.called, to, size) < 0 && errno != EINPROGRESS) error = errno;
  }
  constexpr uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  if (error == 0 && !watch(connection.called, dataOf(kCalled, connection.id), kEvents, EPOLL_CTL_ADD)) error = errno;
  return error;
}

void OutboundRelay::dialPath(Connection& connection, const std::string& path) {
  const ProgramIds now(ids_);
  // the name of the descriptor is short enough for a sockaddr_un, and another file at the path changes nothing any more
  const open_how how = {.flags = O_PATH | O_CLOEXEC, .mode = 0, .resolve = RESOLVE_NO_SYMLINKS};
  int fd = now.error() != 0 ? -1 : static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how));
  if (fd < 0) return fail(connection, now.error() != 0 ? now.error() : errno);
  sockaddr_un at = {};
  at.sun_family = AF_UNIX;
  (void)std::snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d", fd);
  const int error = dialAt(connection, newSocket(AF_UNIX), reinterpret_cast<const sockaddr*>(&at), sizeof at);
  closeIfOpen(fd);
  if (error != 0) fail(connection, error);
}

// What is remembered may be out of date.
void OutboundRelay::fail(Connection& connection, int error) {
  closeIfOpen(connection.called);
  if (connection.inside != 0) return dialInside(connection);
  // the queue of a local server is full, for which connect(2) would wait
  if (connection.door >= 0 && error == EAGAIN) return later_.emplace_back(nowMs() + kAgainMs, connection.id), void();
  places_.erase(keyOf(connection.wanted));
  if (std::exchange(connection.isKept, false)) return ask({.kind = Asked::kConnection, .id = connection.id, .place = connection.wanted});
  ask({.kind = Asked::kFailed, .id = connection.id, .number = error});
}

void OutboundRelay::onDialed(Connection& connection) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(connection.called, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  if (error == 0 && !watch(connection.caller, dataOf(kCaller, connection.id), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, EPOLL_CTL_ADD))
    error = errno;
  if (error != 0) return fail(connection, error);
  connection.isOpen = true;
  move(connection);
}

void OutboundRelay::move(Connection& connection) {
  // a program that has ended does not read: that must not stop what it has sent
  const bool isOut = endsAtMs_ == 0 || connection.inside == 0, isIn = endsAtMs_ == 0 || connection.inside != 0;
  const Moved out = isOut ? moveBytes(connection.out, connection.caller, connection.called, pipes_) : Moved::kIdle;
  const Moved in = out == Moved::kBroken || !isIn ? out : moveBytes(connection.in, connection.called, connection.caller, pipes_);
  if (in == Moved::kBroken) return drop(connection.id, true);
  if ((connection.out.isShut || !isOut) && (connection.in.isShut || !isIn)) return drop(connection.id, false);
  if ((out == Moved::kMore || in == Moved::kMore) && !std::exchange(connection.isReady, true)) ready_.push_back(connection.id);
}

void OutboundRelay::drop(uint32_t id, bool isReset) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  pipes_.giveBack(connection.out);
  pipes_.giveBack(connection.in);
  for (int* fd : {&connection.caller, &connection.called}) isReset ? closeWithReset(*fd) : closeIfOpen(*fd);
  connections_.erase(found);
}

}  // namespace uchroot
