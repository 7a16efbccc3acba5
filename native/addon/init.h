// Each file of the addon adds its functions to the exports.
#pragma once

#include <napi.h>

namespace uchroot {

class PendingCalls;

void initAccounts(Napi::Env env, Napi::Object exports);
void initCalls(Napi::Env env, Napi::Object exports);
void initHost(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initIdle(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initListen(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initNames(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initSocket(Napi::Env env, Napi::Object exports);
void initSpawn(Napi::Env env, Napi::Object exports, PendingCalls& calls);
void initTexts(Napi::Env env, Napi::Object exports);
void initTree(Napi::Env env, Napi::Object exports, PendingCalls& calls);

}  // namespace uchroot
