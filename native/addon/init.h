// Each file of the addon adds its functions to the exports.
#pragma once

#include <napi.h>

namespace uchroot {

class PendingCalls;

void initAccounts(Napi::Env env, Napi::Object exports);
void initCalls(Napi::Env env, Napi::Object exports);
void initDescriptors(Napi::Env env, Napi::Object exports);
void initEntries(Napi::Env env, Napi::Object exports);
void initExec(Napi::Env env, Napi::Object exports);
void initFileList(Napi::Env env, Napi::Object exports);
void initGate(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initHost(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initIdle(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initInRoot(Napi::Env env, Napi::Object exports);
void initListen(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initLook(Napi::Env env, Napi::Object exports);
void initMountIds(Napi::Env env, Napi::Object exports);
void initNames(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initOpened(Napi::Env env, Napi::Object exports);
void initScan(Napi::Env env, Napi::Object exports);
void initSocket(Napi::Env env, Napi::Object exports);
void initSpaces(Napi::Env env, Napi::Object exports);
void initSpawn(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initStamps(Napi::Env env, Napi::Object exports);
void initTexts(Napi::Env env, Napi::Object exports);
void initTree(Napi::Env env, Napi::Object exports, PendingCalls& calls);

}  // namespace uchroot
