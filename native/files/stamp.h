// Tells whether a file has changed.
#pragma once

#include <napi.h>

namespace uchroot {

void initStamp(Napi::Env env, Napi::Object exports);
void initStamps(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
