// The calls of the C original under their own names.
#pragma once

#include <napi.h>

namespace uchroot {

void initCalls(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
