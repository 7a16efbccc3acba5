// All that a launch has to learn from the host, in one go, on the calling or on a worker thread.
#pragma once

#include <napi.h>

namespace uchroot {

void initHost(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
