// Listening sockets: socket, bind, listen, accept4, and a call to JS when a descriptor has something to read. Node's own servers
// read from what they accept, and their sockets never block; a program needs an untouched connection.

#include "init.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "../files/descriptor.h"
#include "pending.h"
#include "socketaddress.h"
#include "values.h"

namespace uchroot {
namespace {

// A bound socket, which listens if it is a stream. The caller closes it.
Napi::Value bindSocket(Napi::Env env, int type, const sockaddr* address, socklen_t size, const std::string& name,
                       bool isOnly6 = false) {
  Descriptor fd(socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return checked(env, -1, "socket", name);
  const int on = 1, only6 = isOnly6 ? 1 : 0;
  // A restarted server must not wait for its old connections (TIME_WAIT, socket(7)). Two servers of datagrams could share the port.
  if (address->sa_family != AF_UNIX && type == SOCK_STREAM &&
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
    return checked(env, -1, "setsockopt", name);
  // Whether [::] takes IPv4 clients too does not depend on the host's default (ipv6(7), IPV6_V6ONLY).
  if (address->sa_family == AF_INET6 && setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof only6) < 0)
    return checked(env, -1, "setsockopt", name);
  if (bind(fd.get(), address, size) < 0) return checked(env, -1, "bind", name);
  if (type == SOCK_STREAM && listen(fd.get(), SOMAXCONN) < 0) return checked(env, -1, "listen", name);
  return Napi::Number::New(env, fd.release());
}

// bindInternet({type, address, port, isOnly6}) → descriptor
Napi::Value bindInternet(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = info[0].As<Napi::Object>();
  const int type = numberOr(given.Get("type"), SOCK_STREAM), port = numberOr(given.Get("port"), 0);
  const auto text = toBytes(given.Get("address"), "address");
  if (!text) return env.Undefined();
  sockaddr_in v4;
  if (uv_ip4_addr(text->c_str(), port, &v4) == 0)
    return bindSocket(env, type, reinterpret_cast<const sockaddr*>(&v4), sizeof v4, *text);
  sockaddr_in6 v6;
  if (uv_ip6_addr(text->c_str(), port, &v6) != 0) return checked(env, (errno = EINVAL, -1), "bind", *text);
  return bindSocket(env, type, reinterpret_cast<const sockaddr*>(&v6), sizeof v6, *text, isTrue(given.Get("isOnly6")));
}

// bindUnix(type, path) → descriptor. `@name` is a name without a file (unix(7), "abstract").
Napi::Value bindUnix(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"type", "path"}, [&](int type, auto& path) {
    sockaddr_un address;
    const socklen_t size = toUnixAddress(path, address);
    if (size == 0) return checked(info.Env(), -1, "bind", path);
    return bindSocket(info.Env(), type, reinterpret_cast<const sockaddr*>(&address), size, path);
  });
}

// setBlocking(fd, boolean)
Napi::Value setBlocking(const Napi::CallbackInfo& info) {
  return withArguments<int, bool>(info, {"fd", "isBlocking"}, [&](int fd, bool isBlocking) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return checked(info.Env(), -1, "fcntl");
    const int wanted = isBlocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    return checked(info.Env(), wanted == flags ? 0 : fcntl(fd, F_SETFL, wanted), "fcntl");
  });
}

// Errors of the network that Linux reports about a connection which is gone already (accept(2), "Error handling").
bool isGone(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

// accept(fd) → {fd, address?, port?, uid?, pid?} of the next connection; undefined if none waits. Its descriptor blocks.
Napi::Value acceptNext(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"fd"}, [&](int listener) -> Napi::Value {
    const Napi::Env env = info.Env();
    sockaddr_storage storage;
    socklen_t size;
    Descriptor fd(-1);
    do {
      size = sizeof storage;
      fd.reset(accept4(listener, reinterpret_cast<sockaddr*>(&storage), &size, SOCK_CLOEXEC));
    } while (fd.get() < 0 && isGone(errno));
    if (fd.get() < 0) return errno == EAGAIN ? env.Undefined() : checked(env, -1, "accept");
    Napi::Value address = toAddress(env, storage, size);
    if (!address.IsObject()) {
      ucred peer = {};
      socklen_t peerSize = sizeof peer;
      Napi::Object object = Napi::Object::New(env);
      if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &peerSize) == 0) {
        object.Set("uid", peer.uid);
        object.Set("pid", peer.pid);
      }
      address = object;
    }
    address.As<Napi::Object>().Set("fd", fd.release());
    return address;
  });
}

// A descriptor that JS wants to read.
class Watch final : public PendingCall {
 public:
  static constexpr CallKind kKind = CallKind::kWatch;

  Watch(PendingCalls& calls, Napi::Function onReadable)
      : PendingCall(calls, kKind), onReadable_(Napi::Persistent(onReadable)) {}

  // Returns 0 or an errno.
  int open(int fd) {
    const int error = uv_poll_init(calls_.loop(), &poll_, fd);
    poll_.data = this;
    return -error;
  }

  int set(bool isWanted) {
    if (!isWanted) return -uv_poll_stop(&poll_);
    return -uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
      static_cast<Watch*>(handle->data)->tell();
    });
  }

  void shutDown() override {
    auto* handle = reinterpret_cast<uv_handle_t*>(&poll_);
    if (uv_is_closing(handle)) return;
    onReadable_.Reset();
    uv_close(handle, [](uv_handle_t* closed) { delete static_cast<Watch*>(closed->data); });
  }

 private:
  void tell() {
    const Napi::Env env(calls_.env());
    const Napi::HandleScope scope(env);
    if (mayCallJs(env)) callJs(env, onReadable_, {});
  }

  uv_poll_t poll_ = {};
  Napi::FunctionReference onReadable_;
};

PendingCalls& callsOf(const Napi::CallbackInfo& info) { return *static_cast<PendingCalls*>(info.Data()); }

// watchReadable(fd, onReadable) → handle. Nothing is watched before setWatch(handle, true).
Napi::Value watchReadable(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"fd"}, [&](int fd) -> Napi::Value {
    const Napi::Env env = info.Env();
    if (!info[1].IsFunction()) return wrongType(env, "watchReadable(fd, onReadable)");
    auto* watch = new Watch(callsOf(info), info[1].As<Napi::Function>());
    if (const int error = watch->open(fd); error != 0) {
      delete watch;
      return checked(env, (errno = error, -1), "epoll_ctl");
    }
    return Napi::Number::New(env, watch->id());
  });
}

Watch* toWatch(const Napi::CallbackInfo& info) {
  const auto id = toUint32(info[0], "handle");
  return id ? callsOf(info).find<Watch>(*id) : nullptr;
}

// setWatch(handle, boolean): onReadable is called as long as there is something to read, or never
Napi::Value setWatch(const Napi::CallbackInfo& info) {
  Watch* watch = toWatch(info);
  if (watch == nullptr) return info.Env().Undefined();
  const int error = watch->set(isTrue(info[1]));
  if (error != 0) throwErrno(info.Env(), error, "epoll_ctl");
  return info.Env().Undefined();
}

// endWatch(handle). The caller then closes the descriptor.
Napi::Value endWatch(const Napi::CallbackInfo& info) {
  if (Watch* watch = toWatch(info)) watch->shutDown();
  return info.Env().Undefined();
}

}  // namespace

void initListen(Napi::Env env, Napi::Object exports, PendingCalls& calls) {
  exports.Set("bindInternet", Napi::Function::New<bindInternet>(env, "bindInternet"));
  exports.Set("bindUnix", Napi::Function::New<bindUnix>(env, "bindUnix"));
  exports.Set("setBlocking", Napi::Function::New<setBlocking>(env, "setBlocking"));
  exports.Set("accept", Napi::Function::New<acceptNext>(env, "accept"));
  exports.Set("watchReadable", Napi::Function::New(env, watchReadable, "watchReadable", &calls));
  exports.Set("setWatch", Napi::Function::New(env, setWatch, "setWatch", &calls));
  exports.Set("endWatch", Napi::Function::New(env, endWatch, "endWatch", &calls));
}

}  // namespace uchroot
