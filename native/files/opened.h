// What is done with files and directories that are open already.
#pragma once

#include <napi.h>

namespace uchroot {

void initOpened(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
