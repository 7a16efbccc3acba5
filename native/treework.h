// Whole directory trees, copied and removed on a worker thread: the Node-API surface of tree.h.
#pragma once

#include <napi.h>

namespace uchroot {

void initTreeWork(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
