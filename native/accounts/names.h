// Host names by address, with what tells whether they can be believed.
#pragma once

#include <napi.h>

namespace uchroot {

void initNames(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
