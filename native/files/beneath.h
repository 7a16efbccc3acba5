// What lies beneath the mounts in a directory: the Node-API surface of beneath.cc.
#pragma once

#include <napi.h>

namespace uchroot {

void initBeneath(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
