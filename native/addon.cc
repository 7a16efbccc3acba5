// The Node-API surface: a table of contents.

#include <napi.h>

#include "accounts.h"
#include "beneath.h"
#include "calls.h"
#include "code.h"
#include "exec.h"
#include "host.h"
#include "inroot.h"
#include "look.h"
#include "names.h"
#include "scan.h"
#include "socket.h"
#include "spawn.h"
#include "stamp.h"
#include "tree.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  uchroot::initAccounts(env, exports);
  uchroot::initCalls(env, exports);
  uchroot::initCode(env, exports);
  uchroot::initHost(env, exports);
  uchroot::initInRoot(env, exports);
  uchroot::initLook(env, exports);
  uchroot::initExec(env, exports);
  uchroot::initNames(env, exports);
  uchroot::initSpawn(env, exports);
  uchroot::initStamp(env, exports);
  uchroot::initBeneath(env, exports);
  uchroot::initScan(env, exports);
  uchroot::initSocket(env, exports);
  uchroot::initTree(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(uchroot, init)
