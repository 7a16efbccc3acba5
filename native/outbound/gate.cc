// openGate: the relay of a launch (outboundrelay.h), and the calls by which JS decides about its connections.

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../addon/init.h"
#include "../addon/loose.h"
#include "../addon/pending.h"
#include "../addon/values.h"
#include "../files/descriptor.h"
#include "../plan/steps.h"
#include "../terminal/rights.h"
#include "outboundrelay.h"

namespace uchroot {
namespace {

class Gate final : public PendingCall {
 public:
  static constexpr CallKind kKind = CallKind::kGate;

  Gate(PendingCalls& calls, const std::vector<int>& sockets, std::vector<HostPort> ports, std::optional<Ids> ids, Napi::Function onAsked)
      : PendingCall(calls, kKind), onAsked_(Napi::Persistent(onAsked)) {
    relay_ = std::make_unique<OutboundRelay>(sockets, std::move(ports), std::move(ids), [&calls, id = id()](const Asked& asked) {
      calls.post(id, [asked](PendingCall& call) { static_cast<Gate&>(call).tell(asked); });
    });
  }
  ~Gate() override = default;

  OutboundRelay& relay() { return *relay_; }
  // The event loop stays alive until what the program has sent is out.
  void finish() {
    if (std::exchange(isFinishing_, true)) return;
    calls_.hold();
    relay_->finish([calls = &calls_, id = id()] {
      calls->post(id, [](PendingCall& call) { static_cast<Gate&>(call).shutDown(); });
    });
  }
  void shutDown() override {
    if (isFinishing_) calls_.letGo();
    onAsked_.Reset();
    delete this;
  }

 private:
  void tell(const Asked& asked) {
    const Napi::Env env(calls_.env());
    const Napi::HandleScope scope(env);
    if (!mayCallJs(env)) return;
    const bool hasPlace = asked.kind == Asked::kConnection;
    const std::string_view place(reinterpret_cast<const char*>(&asked.place.address), sizeof asked.place.address);
    callJs(env, onAsked_,
           {Napi::Number::New(env, asked.kind), Napi::Number::New(env, asked.id), toBuffer(env, hasPlace ? place : asked.bytes),
            Napi::Number::New(env, hasPlace ? asked.place.port : asked.number)});
  }

  std::unique_ptr<OutboundRelay> relay_;
  Napi::FunctionReference onAsked_;
  bool isFinishing_ = false;
};

PendingCalls& toCalls(const Napi::CallbackInfo& info) { return *static_cast<PendingCalls*>(info.Data()); }

Gate* toGate(const Napi::CallbackInfo& info) { return toCalls(info).find<Gate>(static_cast<uint32_t>(numberOr(info[0], 0))); }

// openGate([listener, datagrams, talks, network, door…, listener…], onAsked, [uid, gid, group…], [listener, port…]) → handle
Napi::Value openGate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const bool isRight = info[0].IsArray() && info[0].As<Napi::Array>().Length() >= 4 && info[1].IsFunction() && info[2].IsArray() &&
                       info[3].IsArray();
  if (!isRight) return wrongType(env, "openGate(sockets: number[], onAsked, ids: number[], ports: number[])");
  const Napi::Array given = info[0].As<Napi::Array>(), ids = info[2].As<Napi::Array>();
  std::vector<int> fds;
  for (uint32_t i = 0; i < given.Length(); i++) {
    fds.push_back(numberOr(given.Get(i), -1));
    looseDescriptors(env).remove(fds.back());
  }
  std::optional<Ids> as;
  for (uint32_t i = 0; i < ids.Length(); i++) {
    const auto id = toUint32(ids.Get(i), "ids");
    if (!id) return env.Undefined();
    if (i == 0) as = {*id, *id, {}};
    if (i == 1) as->gid = *id;
    if (i > 1) as->groups.push_back(*id);
  }
  const Napi::Array ports = info[3].As<Napi::Array>();
  std::vector<HostPort> open;
  for (uint32_t i = 0; i + 1 < ports.Length(); i += 2) {
    open.push_back({numberOr(ports.Get(i), -1), static_cast<uint16_t>(numberOr(ports.Get(i + 1), 0))});
    looseDescriptors(env).remove(open.back().fd);
  }
  auto* gate = new Gate(toCalls(info), fds, std::move(open), std::move(as), info[1].As<Napi::Function>());
  if (const int error = gate->relay().start(); error != 0) {
    gate->shutDown();
    throwErrno(env, error, "pthread_create");
    return env.Undefined();
  }
  return Napi::Number::New(env, gate->id());
}

// answerQuery(handle, id, bytes, keepMs)
Napi::Value answerQuery(const Napi::CallbackInfo& info) {
  Gate* gate = toGate(info);
  const auto bytes = viewOf(info[2]);
  if (gate != nullptr) gate->relay().answer(static_cast<uint32_t>(numberOr(info[1], 0)), bytes ? std::string(*bytes) : "", numberOr(info[3], 0));
  return info.Env().Undefined();
}

// dial(handle, id, address, port, keepMs)
Napi::Value dial(const Napi::CallbackInfo& info) {
  Gate* gate = toGate(info);
  const auto bytes = viewOf(info[2]);
  Place to = {};
  if (!bytes || bytes->size() != sizeof to.address) return wrongType(info.Env(), "dial(handle, id, address: 16 bytes, port)");
  std::memcpy(&to.address, bytes->data(), sizeof to.address);
  to.port = static_cast<uint16_t>(numberOr(info[3], 0));
  if (gate != nullptr) gate->relay().dial(static_cast<uint32_t>(numberOr(info[1], 0)), to, numberOr(info[4], 0));
  return info.Env().Undefined();
}

// dialPath(handle, id, path)
Napi::Value dialPath(const Napi::CallbackInfo& info) {
  Gate* gate = toGate(info);
  const auto path = toBytes(info[2], "path");
  if (gate != nullptr && path) gate->relay().dialPath(static_cast<uint32_t>(numberOr(info[1], 0)), *path);
  return info.Env().Undefined();
}

// refuseConnection(handle, id)
Napi::Value refuseConnection(const Napi::CallbackInfo& info) {
  if (Gate* gate = toGate(info); gate != nullptr) gate->relay().refuse(static_cast<uint32_t>(numberOr(info[1], 0)));
  return info.Env().Undefined();
}

// closeGate(handle)
Napi::Value closeGate(const Napi::CallbackInfo& info) {
  if (Gate* gate = toGate(info); gate != nullptr) gate->finish();
  return info.Env().Undefined();
}

// socketPair() → two descriptors
Napi::Value socketPair(const Napi::CallbackInfo& info) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return checked(info.Env(), -1, "socketpair");
  return toDescriptors(info.Env(), ends);
}

// sendTo(socket, descriptors)
Napi::Value sendTo(const Napi::CallbackInfo& info) {
  const Napi::Array given = info[1].IsArray() ? info[1].As<Napi::Array>() : Napi::Array::New(info.Env());
  std::vector<int> fds;
  for (uint32_t i = 0; i < given.Length(); i++) fds.push_back(numberOr(given.Get(i), -1));
  if (fds.empty() || fds.size() > kMostSockets) return wrongType(info.Env(), "sendTo(socket: number, descriptors: number[])");
  const long sent = sendDescriptors(numberOr(info[0], -1), fds.data(), static_cast<uint32_t>(fds.size()));
  return sent < 0 ? checked(info.Env(), (errno = static_cast<int>(-sent), -1), "sendmsg") : info.Env().Undefined();
}

// takeFrom(socket) → descriptors that were sent there; none: nothing will come
Napi::Value takeFrom(const Napi::CallbackInfo& info) {
  std::vector<int> fds;
  const int error = receiveAll(numberOr(info[0], -1), fds);
  if (error == ECONNRESET) return Napi::Array::New(info.Env());
  if (error != 0) return checked(info.Env(), (errno = error, -1), "recvmsg");
  return toDescriptors(info.Env(), fds);
}

std::vector<char*> pointersTo(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// startBeside(path, argv, environment, fd3, fd4): a process in a session of its own, with descriptor 2 of this one, and these two. fd4 may
// be -1. A terminal's Ctrl-C is for the program, which may go on.
Napi::Value startBeside(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto path = toBytes(info[0], "path");
  auto argv = path ? toList(info[1], "argv") : std::nullopt, environment = argv ? toList(info[2], "environment") : std::nullopt;
  if (!environment) return env.Undefined();
  // above the numbers that they get, so that none takes the place of another
  constexpr int kAbove = 10;
  const Descriptor third(fcntl(numberOr(info[3], -1), F_DUPFD_CLOEXEC, kAbove)), fourth(fcntl(numberOr(info[4], -1), F_DUPFD_CLOEXEC, kAbove));
  if (third.get() < 0) return checked(env, -1, "fcntl");
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  (void)sigemptyset(&none);
  (void)sigfillset(&all);
  int error = posix_spawn_file_actions_init(&actions);
  if (error == 0) error = posix_spawnattr_init(&attributes);
  if (error == 0) error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, 0, 1);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, 2, 2);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, third.get(), 3);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, fourth.get() < 0 ? 0 : fourth.get(), 4);
  if (error == 0) error = posix_spawnattr_setsigmask(&attributes, &none);
  if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &all);
  if (error == 0) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  if (error == 0) error = posix_spawn(&pid, path->c_str(), &actions, &attributes, pointersTo(*argv).data(), pointersTo(*environment).data());
  (void)posix_spawnattr_destroy(&attributes);
  (void)posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return checked(env, (errno = error, -1), "posix_spawn");
  return env.Undefined();
}

// openProcess(pid) → a descriptor that is readable once the process has ended
Napi::Value openProcess(const Napi::CallbackInfo& info) {
  const long fd = syscall(SYS_pidfd_open, numberOr(info[0], 0), 0);
  if (fd < 0) return checked(info.Env(), fd, "pidfd_open");
  return Napi::Number::New(info.Env(), static_cast<double>(fd));
}

// hostAddresses() → 16 bytes each. Those of links without carrier too, which os.networkInterfaces() leaves out: the host answers them.
Napi::Value hostAddresses(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) < 0) return checked(env, -1, "getifaddrs");
  const Napi::Array all = Napi::Array::New(env);
  uint32_t count = 0;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    in6_addr found = {};
    found.s6_addr[10] = found.s6_addr[11] = 0xff;
    if (one->ifa_addr == nullptr) continue;
    if (one->ifa_addr->sa_family == AF_INET6) {
      found = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
    } else if (one->ifa_addr->sa_family == AF_INET) {
      std::memcpy(found.s6_addr + 12, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, sizeof(in_addr));
    } else {
      continue;
    }
    all.Set(count++, toBuffer(env, std::string_view(reinterpret_cast<const char*>(&found), sizeof found)));
  }
  freeifaddrs(first);
  return all;
}

}  // namespace

void initGate(Napi::Env env, Napi::Object exports, PendingCalls& calls) {
  exports.Set("openGate", Napi::Function::New(env, openGate, "openGate", &calls));
  exports.Set("answerQuery", Napi::Function::New(env, answerQuery, "answerQuery", &calls));
  exports.Set("dial", Napi::Function::New(env, dial, "dial", &calls));
  exports.Set("dialPath", Napi::Function::New(env, dialPath, "dialPath", &calls));
  exports.Set("refuseConnection", Napi::Function::New(env, refuseConnection, "refuseConnection", &calls));
  exports.Set("socketPair", Napi::Function::New(env, socketPair, "socketPair"));
  exports.Set("sendTo", Napi::Function::New(env, sendTo, "sendTo"));
  exports.Set("takeFrom", Napi::Function::New(env, takeFrom, "takeFrom"));
  exports.Set("startBeside", Napi::Function::New(env, startBeside, "startBeside"));
  exports.Set("openProcess", Napi::Function::New(env, openProcess, "openProcess"));
  exports.Set("hostAddresses", Napi::Function::New(env, hostAddresses, "hostAddresses"));
  exports.Set("closeGate", Napi::Function::New(env, closeGate, "closeGate", &calls));
}

}  // namespace uchroot
