// An address of the kernel as a value for JS.
#pragma once

#include <napi.h>
#include <sys/socket.h>

namespace uchroot {

// {address, port}: a numeric internet address with its zone; undefined for other address families.
Napi::Value toAddress(Napi::Env env, const sockaddr_storage& storage, socklen_t size);

}  // namespace uchroot
