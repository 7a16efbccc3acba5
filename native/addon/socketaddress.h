// Addresses of sockets, to JS and from it.
#pragma once

#include <napi.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

namespace uchroot {

// {address, port}: a numeric internet address with its zone; undefined for other address families.
Napi::Value toAddress(Napi::Env env, const sockaddr_storage& storage, socklen_t size);

// The address of a unix socket, and its size. `@name` is a name without a file (unix(7), "abstract"). 0, with ENAMETOOLONG in errno, for a
// path that does not fit into it ("sun_path").
socklen_t toUnixAddress(const std::string& path, sockaddr_un& address);

}  // namespace uchroot
