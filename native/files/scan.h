// Everything in a directory tree, a batch at a time: the Node-API surface of scan.cc.
#pragma once

#include <napi.h>

namespace uchroot {

void initScan(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
