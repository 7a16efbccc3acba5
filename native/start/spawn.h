// A program in its jail, as JS sees it: started, running, ended.
#pragma once

#include <napi.h>

namespace uchroot {

void initSpawn(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
