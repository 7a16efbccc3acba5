// Calls for open files and directories.
#pragma once

#include <napi.h>

namespace uchroot {

void initOpened(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
