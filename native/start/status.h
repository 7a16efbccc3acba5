// Lines for the descriptor of somebody who watches launches, written without ever waiting.
#pragma once

#include <napi.h>

#include "pipes.h"

namespace uchroot {

// openStatus(fd), writeStatus(fd, line)
void initStatus(Napi::Env env, Napi::Object exports, LoosePipes* loose);

}  // namespace uchroot
