#pragma once

#include <napi.h>

namespace uchroot {

void initSpaces(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
