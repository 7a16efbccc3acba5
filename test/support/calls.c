// An addon with two calls that Node lacks: waitAny, which takes the status of any child, as some libraries do; and dumpable.
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>

// The part of Node-API that this file needs.
typedef void *napi_value;
typedef void *napi_env;
typedef napi_value (*napi_callback)(napi_env, void *);
int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
int napi_create_int32(napi_env, int32_t, napi_value *);
int napi_set_named_property(napi_env, napi_value, const char *, napi_value);

static napi_value number(napi_env env, int value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

static napi_value waitAny(napi_env env, void *info) {
  (void)info;
  return number(env, waitpid(-1, NULL, 0));
}

static napi_value dumpable(napi_env env, void *info) {
  (void)info;
  return number(env, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}

static void add(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, SIZE_MAX, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  add(env, exports, "waitAny", waitAny);
  add(env, exports, "dumpable", dumpable);
  return exports;
}
