// setKeepAlive, setLinger, sendDatagram, duplicate, hasInterface: one call each.

#include "socket.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>

#include "descriptor.h"
#include "values.h"

namespace uchroot {
namespace {

// setKeepAlive(fd)
Napi::Value setKeepAlive(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "fd");
  if (!fd) return info.Env().Undefined();
  const int on = 1;
  return checked(info.Env(), setsockopt(static_cast<int>(*fd), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on),
                 "setsockopt");
}

// setLinger(fd, seconds): on for more than 0 seconds
Napi::Value setLinger(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "fd");
  if (!fd) return info.Env().Undefined();
  const auto seconds = toUint32(info[1], "seconds");
  if (!seconds) return info.Env().Undefined();
  const int time = static_cast<int>(std::min<uint32_t>(*seconds, INT_MAX));
  const linger value = {time > 0, time};
  return checked(info.Env(), setsockopt(static_cast<int>(*fd), SOL_SOCKET, SO_LINGER, &value, sizeof value),
                 "setsockopt");
}

// duplicate(fd, target): dup2(2)
Napi::Value duplicate(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "fd");
  if (!fd) return info.Env().Undefined();
  const auto target = toUint32(info[1], "target");
  if (!target) return info.Env().Undefined();
  return checked(info.Env(), dup2(static_cast<int>(*fd), static_cast<int>(*target)), "dup2");
}

// sendDatagram(path, message): one datagram to a unix socket, without waiting
Napi::Value sendDatagram(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto path = toBytes(info[0], "path");
  if (!path) return env.Undefined();
  const auto message = toBytes(info[1], "message");
  if (!message) return env.Undefined();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path->size() >= sizeof address.sun_path) return checked(env, (errno = ENAMETOOLONG, -1), "connect", *path);
  path->copy(address.sun_path, path->size());
  const Descriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return checked(env, -1, "socket");
  const ssize_t sent = sendto(fd.get(), message->data(), message->size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return checked(env, sent, "sendto", *path);
}

// hasInterface(name) → whether there is a network interface of this name
Napi::Value hasInterface(const Napi::CallbackInfo& info) {
  const auto name = toBytes(info[0], "name");
  if (!name) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(), if_nametoindex(name->c_str()) != 0);
}

}  // namespace

void initSocket(Napi::Env env, Napi::Object exports) {
  exports.Set("setKeepAlive", Napi::Function::New<setKeepAlive>(env, "setKeepAlive"));
  exports.Set("setLinger", Napi::Function::New<setLinger>(env, "setLinger"));
  exports.Set("duplicate", Napi::Function::New<duplicate>(env, "duplicate"));
  exports.Set("sendDatagram", Napi::Function::New<sendDatagram>(env, "sendDatagram"));
  exports.Set("hasInterface", Napi::Function::New<hasInterface>(env, "hasInterface"));
}

}  // namespace uchroot
