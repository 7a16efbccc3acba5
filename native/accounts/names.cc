// lookUpHost(address, onFacts): the name of an address, and the addresses of that name, from the system's resolver. Each look-up
// has its own thread. Node's own functions do not return the canonical name, and they block libuv's four threads if a name server
// does not answer; launches and node:fs need these threads.

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "../addon/init.h"
#include "../addon/pending.h"
#include "../addon/values.h"

namespace uchroot {
namespace {

constexpr size_t kMaxNameBytes = 127;  // libwrap keeps at most this much of a name

struct Facts {
  bool isLast = false;  // false: the name is known, and its addresses are being looked up
  int reverseError = 0;  // EAI_… of getnameinfo
  std::string name;
  bool isNumeric = false;
  int forwardError = 0;  // EAI_… of getaddrinfo
  std::string canonical;
  bool hasAddress = false;
};

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

int resolve(const char* name, int family, int flags, Addresses& found) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(name, nullptr, &hints, &list);
  if (error == 0) found.reset(list);
  return error;
}

bool isSameAddress(const sockaddr* a, const sockaddr* b) {
  if (a->sa_family != b->sa_family) return false;
  if (a->sa_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(a)->sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in*>(b)->sin_addr.s_addr;
  }
  return std::memcmp(&reinterpret_cast<const sockaddr_in6*>(a)->sin6_addr,
                     &reinterpret_cast<const sockaddr_in6*>(b)->sin6_addr, sizeof(in6_addr)) == 0;
}

// Looks the name up, calls `onName`, and looks up the name's addresses in the same family.
template <typename OnName>
void find(const std::string& address, Facts& facts, OnName onName) {
  Addresses own(nullptr, freeaddrinfo);
  facts.reverseError = resolve(address.c_str(), AF_UNSPEC, AI_NUMERICHOST, own);
  if (facts.reverseError != 0) return;
  char name[NI_MAXHOST];
  facts.reverseError =
      getnameinfo(own->ai_addr, own->ai_addrlen, name, sizeof name, nullptr, 0, NI_NAMEREQD);
  if (facts.reverseError != 0) return;
  facts.name.assign(name, std::min(std::strlen(name), kMaxNameBytes));
  Addresses found(nullptr, freeaddrinfo);
  const int family = own->ai_family;
  // A name server can return a numeric address as the name.
  facts.isNumeric = resolve(facts.name.c_str(), family, AI_NUMERICHOST, found) == 0;
  if (facts.isNumeric) return;
  onName();
  facts.forwardError = resolve(facts.name.c_str(), family, AI_CANONNAME, found);
  if (facts.forwardError != 0) return;
  if (found->ai_canonname != nullptr) facts.canonical = found->ai_canonname;
  for (const addrinfo* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
    facts.hasAddress = facts.hasAddress || isSameAddress(entry->ai_addr, own->ai_addr);
  }
}

struct Task {
  PendingCalls* calls;
  uint32_t id;
  std::string address;
};

// A look-up that JS waits for. Its thread cannot be stopped, and may live longer than this object.
class HostLookUp final : public PendingCall {
 public:
  static constexpr CallKind kKind = CallKind::kHostName;
  HostLookUp(PendingCalls& calls, Napi::Function onFacts)
      : PendingCall(calls, kKind), onFacts_(Napi::Persistent(onFacts)) {}

  void tell(const Facts& facts) {
    const Napi::Env env(calls_.env());
    const Napi::HandleScope scope(env);
    if (mayCallJs(env)) callJs(env, onFacts_, {toObject(env, facts)});
    if (facts.isLast) delete this;
  }

  void shutDown() override { delete this; }

 private:
  static Napi::Object toObject(Napi::Env env, const Facts& facts) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("isLast", facts.isLast);
    if (facts.reverseError != 0) {
      object.Set("reverseError", gai_strerror(facts.reverseError));
      return object;
    }
    object.Set("name", toBuffer(env, facts.name));
    object.Set("isNumeric", facts.isNumeric);
    if (facts.forwardError != 0) object.Set("forwardError", gai_strerror(facts.forwardError));
    object.Set("canonical", toBuffer(env, facts.canonical));
    object.Set("hasAddress", facts.hasAddress);
    return object;
  }

  Napi::FunctionReference onFacts_;
};

void* run(void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  Facts facts;
  const auto post = [&] {
    task->calls->post(task->id, [facts](PendingCall& call) { static_cast<HostLookUp&>(call).tell(facts); });
  };
  find(task->address, facts, post);
  facts.isLast = true;
  post();
  return nullptr;
}

// lookUpHost(address, onFacts). It does not keep the event loop alive: JS sets a time limit, and that timer does.
Napi::Value lookUpHost(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto address = toBytes(info[0], "address");
  if (!address) return env.Undefined();
  if (!info[1].IsFunction()) return wrongType(env, "lookUpHost(address, onFacts)");
  auto* calls = static_cast<PendingCalls*>(info.Data());
  auto lookUp = std::make_unique<HostLookUp>(*calls, info[1].As<Napi::Function>());
  auto task = std::make_unique<Task>(Task{calls, lookUp->id(), std::move(*address)});
  if (const int error = startThread(run, task.get()); error != 0) {
    throwErrno(env, error, "pthread_create");
    return env.Undefined();
  }
  (void)task.release();    // the thread deletes it
  (void)lookUp.release();  // it deletes itself
  return env.Undefined();
}

}  // namespace

void initNames(Napi::Env env, Napi::Object exports, PendingCalls& calls) {
  exports.Set("lookUpHost", Napi::Function::New(env, lookUpHost, "lookUpHost", &calls));
}

}  // namespace uchroot
