// Tells whether a file has changed.
#pragma once

#include <napi.h>

namespace uchroot {

void initStamps(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
