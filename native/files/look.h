// Looks at files beneath a directory: status, opening to read, listing.
#pragma once

#include <napi.h>

namespace uchroot {

// Paths as for initInRoot; what is not there (ENOENT, ENOTDIR) is undefined, any other error is thrown.
void initLook(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
