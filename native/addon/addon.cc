// The Node-API surface: a table of contents.

#include <napi.h>

#include "../accounts/accounts.h"
#include "calls.h"
#include "code.h"
#include "../start/exec.h"
#include "../accounts/host.h"
#include "../files/filelist.h"
#include "../files/inroot.h"
#include "../files/opened.h"
#include "../accounts/names.h"
#include "../files/scan.h"
#include "socket.h"
#include "../start/spawn.h"
#include "../files/stamp.h"
#include "../files/tree.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  uchroot::initAccounts(env, exports);
  uchroot::initCalls(env, exports);
  uchroot::initCode(env, exports);
  uchroot::initHost(env, exports);
  uchroot::initFileList(env, exports);
  uchroot::initInRoot(env, exports);
  uchroot::initLook(env, exports);
  uchroot::initEntries(env, exports);
  uchroot::initOpened(env, exports);
  uchroot::initExec(env, exports);
  uchroot::initNames(env, exports);
  uchroot::initSpawn(env, exports);
  uchroot::initStamp(env, exports);
  uchroot::initScan(env, exports);
  uchroot::initSocket(env, exports);
  uchroot::initTree(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(uchroot, init)
