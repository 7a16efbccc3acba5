// The Node-API exports of the addon.

#include <napi.h>

#include "../start/exec.h"
#include "../files/filelist.h"
#include "../files/inroot.h"
#include "../files/opened.h"
#include "../files/scan.h"
#include "init.h"
#include "pending.h"
#include "../namespaces/spaces.h"
#include "../files/stamp.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  uchroot::PendingCalls* calls = uchroot::PendingCalls::open(env);
  if (calls == nullptr) return exports;
  uchroot::initAccounts(env, exports);
  uchroot::initCalls(env, exports);
  uchroot::initHost(env, exports, *calls);
  uchroot::initFileList(env, exports);
  uchroot::initInRoot(env, exports);
  uchroot::initLook(env, exports);
  uchroot::initEntries(env, exports);
  uchroot::initOpened(env, exports);
  uchroot::initExec(env, exports);
  uchroot::initIdle(env, exports, *calls);
  uchroot::initListen(env, exports, *calls);
  uchroot::initNames(env, exports, *calls);
  uchroot::initSpaces(env, exports);
  uchroot::initSpawn(env, exports, *calls);
  uchroot::initStamps(env, exports);
  uchroot::initScan(env, exports);
  uchroot::initSocket(env, exports);
  uchroot::initTexts(env, exports);
  uchroot::initTree(env, exports, *calls);
  return exports;
}

}  // namespace

NODE_API_MODULE(uchroot, init)
