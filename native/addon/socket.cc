// getpeername, getsockname, recvfrom, getsockopt, setsockopt and others: one function for each call.

#include "init.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <string>

#include "../files/descriptor.h"
#include "socketaddress.h"
#include "values.h"

namespace uchroot {

Napi::Value toAddress(Napi::Env env, const sockaddr_storage& storage, socklen_t size) {
  if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6) return env.Undefined();
  char host[NI_MAXHOST];
  const auto* address = reinterpret_cast<const sockaddr*>(&storage);
  const int failed = getnameinfo(address, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  if (failed != 0) return checked(env, (errno = failed == EAI_MEMORY ? ENOMEM : EINVAL, -1), "getnameinfo");
  const in_port_t port = storage.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(storage).sin_port
                                                      : reinterpret_cast<const sockaddr_in6&>(storage).sin6_port;
  Napi::Object object = Napi::Object::New(env);
  object.Set("address", host);
  object.Set("port", ntohs(port));
  return object;
}

socklen_t toUnixAddress(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return 0;
  }
  path.copy(address.sun_path, path.size());
  const bool isAbstract = path.starts_with('@');
  if (isAbstract) address.sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (isAbstract ? 0 : 1));
}

namespace {

template <typename T>
Napi::Value setOption(Napi::Env env, int fd, int level, int name, const T* value) {
  return checked(env, setsockopt(fd, level, name, value, value == nullptr ? 0 : sizeof *value), "setsockopt");
}

// setKeepAlive(fd)
Napi::Value setKeepAlive(const Napi::CallbackInfo& info) {
  const int on = 1;
  return withArguments<int>(info, {"fd"}, [&](int fd) { return setOption(info.Env(), fd, SOL_SOCKET, SO_KEEPALIVE, &on); });
}

// setLinger(fd, seconds): off for 0 seconds
Napi::Value setLinger(const Napi::CallbackInfo& info) {
  return withArguments<int, uint32_t>(info, {"fd", "seconds"}, [&](int fd, uint32_t seconds) {
    const int time = static_cast<int>(std::min<uint32_t>(seconds, INT_MAX));
    const linger value = {time > 0, time};
    return setOption(info.Env(), fd, SOL_SOCKET, SO_LINGER, &value);
  });
}

template <typename Call>
Napi::Value addressOf(const Napi::CallbackInfo& info, const char* name, Call call) {
  return withArguments<int>(info, {"fd"}, [&](int fd) {
    sockaddr_storage storage = {};
    socklen_t size = sizeof storage;
    if (call(fd, reinterpret_cast<sockaddr*>(&storage), &size) < 0) return checked(info.Env(), -1, name);
    return toAddress(info.Env(), storage, size);
  });
}

Napi::Value peerName(const Napi::CallbackInfo& info) { return addressOf(info, "getpeername", getpeername); }
Napi::Value socketName(const Napi::CallbackInfo& info) { return addressOf(info, "getsockname", getsockname); }

// recvfrom(fd, peek) → the sender of the next datagram. Without peek, the datagram is removed.
Napi::Value receive(const Napi::CallbackInfo& info) {
  const int flags = MSG_DONTWAIT | MSG_TRUNC | (isTrue(info[1]) ? MSG_PEEK : 0);
  return addressOf(info, "recvfrom", [flags](int fd, sockaddr* address, socklen_t* size) {
    char first;
    return recvfrom(fd, &first, sizeof first, flags, address, size);
  });
}

template <typename ToValue>
Napi::Value numberOption(const Napi::CallbackInfo& info, int name, ToValue toValue) {
  return withArguments<int>(info, {"fd"}, [&](int fd) -> Napi::Value {
    int value = 0;
    socklen_t size = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0) return checked(info.Env(), -1, "getsockopt");
    return toValue(value);
  });
}

// socketType(fd) → SOCK_STREAM, SOCK_DGRAM, …
Napi::Value socketType(const Napi::CallbackInfo& info) {
  return numberOption(info, SO_TYPE, [&](int type) { return Napi::Number::New(info.Env(), type); });
}

// isListening(fd) → whether a socket takes connections (SO_ACCEPTCONN in socket(7))
Napi::Value isListening(const Napi::CallbackInfo& info) {
  return numberOption(info, SO_ACCEPTCONN, [&](int listens) { return Napi::Boolean::New(info.Env(), listens != 0); });
}

// ipOptions(fd) → the IP options of an IPv4 connection (ip(7), IP_OPTIONS); undefined if there are none, as nearly always
Napi::Value ipOptions(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"fd"}, [&](int fd) -> Napi::Value {
    char options[MAX_IPOPTLEN];
    socklen_t size = sizeof options;
    if (getsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, &size) < 0) return checked(info.Env(), -1, "getsockopt");
    return size == 0 ? info.Env().Undefined() : toBuffer(info.Env(), {options, size});
  });
}

// clearIpOptions(fd)
Napi::Value clearIpOptions(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"fd"}, [&](int fd) {
    return setOption<char>(info.Env(), fd, IPPROTO_IP, IP_OPTIONS, nullptr);
  });
}

// duplicate(fd, target): dup2(2)
Napi::Value duplicate(const Napi::CallbackInfo& info) {
  return withArguments<int, int>(info, {"fd", "target"}, [&](int fd, int target) { return checked(info.Env(), dup2(fd, target), "dup2"); });
}

// connectDatagram(path) → a close-on-exec descriptor, connected to a unix socket; each write sends one datagram
Napi::Value connectDatagram(const Napi::CallbackInfo& info) {
  return withArguments<std::string>(info, {"path"}, [&](auto& path) -> Napi::Value {
    const Napi::Env env = info.Env();
    sockaddr_un address;
    const socklen_t size = toUnixAddress(path, address);
    if (size == 0) return checked(env, -1, "connect", path);
    Descriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0) return checked(env, -1, "socket");
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) < 0) return checked(env, -1, "connect", path);
    return Napi::Number::New(env, fd.release());
  });
}

// sendDatagram(path, message): sends one datagram to a unix socket without blocking
Napi::Value sendDatagram(const Napi::CallbackInfo& info) {
  return withArguments<std::string, std::string>(info, {"path", "message"}, [&](auto& path, auto& message) {
    const Napi::Env env = info.Env();
    sockaddr_un address;
    const socklen_t size = toUnixAddress(path, address);
    if (size == 0) return checked(env, -1, "connect", path);
    const Descriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return checked(env, -1, "socket");
    const ssize_t sent = sendto(fd.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), size);
    return checked(env, sent, "sendto", path);
  });
}

// hasInterface(name) → whether a network interface has this name
Napi::Value hasInterface(const Napi::CallbackInfo& info) {
  return withArguments<std::string>(info, {"name"}, [&](auto& name) {
    return Napi::Boolean::New(info.Env(), if_nametoindex(name.c_str()) != 0);
  });
}

}  // namespace

void initSocket(Napi::Env env, Napi::Object exports) {
  exports.Set("getpeername", Napi::Function::New<peerName>(env, "getpeername"));
  exports.Set("getsockname", Napi::Function::New<socketName>(env, "getsockname"));
  exports.Set("recvfrom", Napi::Function::New<receive>(env, "recvfrom"));
  exports.Set("socketType", Napi::Function::New<socketType>(env, "socketType"));
  exports.Set("isListening", Napi::Function::New<isListening>(env, "isListening"));
  exports.Set("ipOptions", Napi::Function::New<ipOptions>(env, "ipOptions"));
  exports.Set("clearIpOptions", Napi::Function::New<clearIpOptions>(env, "clearIpOptions"));
  exports.Set("connectDatagram", Napi::Function::New<connectDatagram>(env, "connectDatagram"));
  exports.Set("setKeepAlive", Napi::Function::New<setKeepAlive>(env, "setKeepAlive"));
  exports.Set("setLinger", Napi::Function::New<setLinger>(env, "setLinger"));
  exports.Set("duplicate", Napi::Function::New<duplicate>(env, "duplicate"));
  exports.Set("sendDatagram", Napi::Function::New<sendDatagram>(env, "sendDatagram"));
  exports.Set("hasInterface", Napi::Function::New<hasInterface>(env, "hasInterface"));
}

}  // namespace uchroot
