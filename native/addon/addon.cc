// The Node-API exports of the addon.

#include <napi.h>

#include "init.h"
#include "pending.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  uchroot::PendingCalls* calls = uchroot::PendingCalls::open(env);
  if (calls == nullptr) return exports;
  uchroot::initDescriptors(env, exports);
  uchroot::initAccounts(env, exports);
  uchroot::initCalls(env, exports);
  uchroot::initEntries(env, exports);
  uchroot::initExec(env, exports);
  uchroot::initFileList(env, exports);
  uchroot::initGate(env, exports, *calls);
  uchroot::initHost(env, exports, *calls);
  uchroot::initIdle(env, exports, *calls);
  uchroot::initInRoot(env, exports);
  uchroot::initListen(env, exports, *calls);
  uchroot::initLook(env, exports);
  uchroot::initNames(env, exports, *calls);
  uchroot::initOpened(env, exports);
  uchroot::initScan(env, exports);
  uchroot::initSocket(env, exports);
  uchroot::initMountIds(env, exports);
  uchroot::initSpaces(env, exports);
  uchroot::initSpawn(env, exports, *calls);
  uchroot::initStamps(env, exports);
  uchroot::initTexts(env, exports);
  uchroot::initTree(env, exports, *calls);
  return exports;
}

}  // namespace

NODE_API_MODULE(uchroot, init)
