// What Node cannot do to a socket.
#pragma once

#include <napi.h>

namespace uchroot {

void initSocket(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
