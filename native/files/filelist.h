// Copies or reads a list of files, and hashes them: the exports of filelist.cc.
#pragma once

#include <napi.h>

namespace uchroot {

void initFileList(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
