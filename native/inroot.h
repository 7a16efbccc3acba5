// File operations beneath a directory that are never led out of it, whatever links lie on the way.
#pragma once

#include <napi.h>

namespace uchroot {

// Each takes the directory as a descriptor and a path as that directory's root sees it, and throws like Node's
// own fs: code, errno, syscall, path.
Napi::Object initInRoot(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
