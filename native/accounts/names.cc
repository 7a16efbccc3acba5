// lookUpHost(address, onFacts): the name of an address and what that name leads to, by the system's resolver, each on a
// thread of its own. Node's own look-ups do not tell the canonical name, and a name server that does not answer blocks
// libuv's four threads, for which launches and all of node:fs wait.

#include "names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <uv.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "../addon/callback.h"
#include "../addon/values.h"

namespace uchroot {
namespace {

constexpr size_t kMaxNameBytes = 127;  // what libwrap keeps of a name, and goes on with

struct Facts {
  uint32_t id = 0;
  bool isLast = false;  // else there is a name, and it is being followed
  int reverseError = 0;  // of getnameinfo, an EAI_
  std::string name;
  bool isNumeric = false;
  int forwardError = 0;  // of getaddrinfo, an EAI_
  std::string canonical;
  bool hasAddress = false;
};

// What the threads of an environment hand over to it. They cannot be stopped, and may outlive it.
struct Mailbox {
  std::mutex mutex;
  uv_async_t* async = nullptr;  // nullptr: nobody is there any more
  std::vector<Facts> facts;
};

// The main thread, or a worker.
struct Environment {
  explicit Environment(napi_env owner) : env(owner) {}
  napi_env env;
  uv_loop_t* loop = nullptr;
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
  uv_async_t async = {};
  uint32_t lastId = 0;
  std::unordered_map<uint32_t, Napi::FunctionReference> waiting;
  napi_async_cleanup_hook_handle hook = nullptr;
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

// Reverse, and forward again in the same family; `onName` in between.
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
  // whoever answers for the address may answer with another address
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
  std::shared_ptr<Mailbox> mailbox;
  std::string address;
  uint32_t id;
};

void post(Mailbox& mailbox, const Facts& facts) {
  const std::lock_guard<std::mutex> lock(mailbox.mutex);
  if (mailbox.async == nullptr) return;
  mailbox.facts.push_back(facts);
  (void)uv_async_send(mailbox.async);  // fails for no open handle
}

void* run(void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  Facts facts;
  facts.id = task->id;
  find(task->address, facts, [&] { post(*task->mailbox, facts); });
  facts.isLast = true;
  post(*task->mailbox, facts);
  return nullptr;
}

// 0, or an errno.
int startThread(Task* task) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // the process's signals are for its other threads; a new one inherits what is blocked
  sigset_t all, before;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_BLOCK, &all, &before);
  pthread_t thread;
  error = pthread_create(&thread, &attributes, run, task);
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
  (void)pthread_attr_destroy(&attributes);
  return error;
}

Napi::Object toObject(Napi::Env env, const Facts& facts) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("isLast", facts.isLast);
  if (facts.reverseError != 0) {
    object.Set("reverseError", gai_strerror(facts.reverseError));
    return object;
  }
  object.Set("name", Napi::Buffer<char>::Copy(env, facts.name.data(), facts.name.size()));
  object.Set("isNumeric", facts.isNumeric);
  if (facts.forwardError != 0) object.Set("forwardError", gai_strerror(facts.forwardError));
  object.Set("canonical", Napi::Buffer<char>::Copy(env, facts.canonical.data(), facts.canonical.size()));
  object.Set("hasAddress", facts.hasAddress);
  return object;
}

void deliver(Environment* environment) {
  std::vector<Facts> arrived;
  {
    const std::lock_guard<std::mutex> lock(environment->mailbox->mutex);
    arrived.swap(environment->mailbox->facts);
  }
  const napi_env env = environment->env;
  const Napi::HandleScope scope(env);
  if (!mayCallJs(env)) return;
  for (const Facts& facts : arrived) {
    const auto found = environment->waiting.find(facts.id);
    if (found == environment->waiting.end()) continue;
    Napi::FunctionReference onFacts = std::move(found->second);
    environment->waiting.erase(found);
    callJs(env, onFacts, {toObject(env, facts)});
    if (!facts.isLast) environment->waiting.emplace(facts.id, std::move(onFacts));
  }
}

// Only where a name is looked up: most that load the addon never do.
bool openMailbox(Environment* environment) {
  const std::lock_guard<std::mutex> lock(environment->mailbox->mutex);
  if (environment->mailbox->async != nullptr) return true;
  const int error = uv_async_init(environment->loop, &environment->async, [](uv_async_t* handle) {
    deliver(static_cast<Environment*>(handle->data));
  });
  if (error != 0) return false;
  environment->async.data = environment;
  // who waits has a time limit, and that keeps the loop alive
  uv_unref(reinterpret_cast<uv_handle_t*>(&environment->async));
  environment->mailbox->async = &environment->async;
  return true;
}

// lookUpHost(address, onFacts)
Napi::Value lookUpHost(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment* environment = static_cast<Environment*>(info.Data());
  auto address = toBytes(info[0], "address");
  if (!address) return env.Undefined();
  if (!info[1].IsFunction()) {
    Napi::TypeError::New(env, "lookUpHost(address, onFacts)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  if (!openMailbox(environment)) {
    throwErrno(env, EMFILE, "uv_async_init");
    return env.Undefined();
  }
  const uint32_t id = ++environment->lastId;
  environment->waiting.emplace(id, Napi::Persistent(info[1].As<Napi::Function>()));
  Task* task = new Task{environment->mailbox, std::move(*address), id};
  const int error = startThread(task);
  if (error != 0) {
    delete task;
    environment->waiting.erase(id);
    throwErrno(env, error, "pthread_create");
  }
  return env.Undefined();
}

void onCleanup(napi_async_cleanup_hook_handle hook, void* data) {
  Environment* environment = static_cast<Environment*>(data);
  environment->hook = hook;
  environment->waiting.clear();
  const std::lock_guard<std::mutex> lock(environment->mailbox->mutex);
  if (environment->mailbox->async == nullptr) {
    (void)napi_remove_async_cleanup_hook(hook);
    return;
  }
  environment->mailbox->async = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&environment->async), [](uv_handle_t* closed) {
    (void)napi_remove_async_cleanup_hook(static_cast<Environment*>(closed->data)->hook);
  });
}

}  // namespace

void initNames(Napi::Env env, Napi::Object exports) {
  // Lives as long as the process: a few bytes for each environment that loads the addon.
  Environment* environment = new Environment(env);
  if (napi_get_uv_event_loop(env, &environment->loop) != napi_ok ||
      napi_add_async_cleanup_hook(env, onCleanup, environment, &environment->hook) != napi_ok) {
    Napi::Error::New(env, "the event loop cannot be reached").ThrowAsJavaScriptException();
    return;
  }
  exports.Set("lookUpHost", Napi::Function::New(env, lookUpHost, "lookUpHost", environment));
}

}  // namespace uchroot
