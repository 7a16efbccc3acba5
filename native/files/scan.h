// Lists a directory tree, one batch at a time: the exports of scan.cc.
#pragma once

#include <napi.h>

namespace uchroot {

void initScan(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
