// Addresses of sockets, to JS and from it.
#pragma once

#include <napi.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

namespace uchroot {

// {address, port}: a numeric internet address with its zone; undefined for other address families.
Napi::Value toAddress(Napi::Env env, const sockaddr_storage& storage, socklen_t size);

// The address of a unix socket. False, with ENAMETOOLONG in errno, for a path that does not fit into it (unix(7), "sun_path").
bool toUnixAddress(const std::string& path, sockaddr_un& address);

}  // namespace uchroot
