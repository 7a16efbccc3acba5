// readCode, mapFile: the scripts of this package, with their code cache.
#pragma once

#include <napi.h>

namespace uchroot {

void initCode(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
