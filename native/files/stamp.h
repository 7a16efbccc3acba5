// Whether a file is still what it was.
#pragma once

#include <napi.h>

namespace uchroot {

void initStamp(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
