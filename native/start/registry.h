// The programs of one environment, and its event loop.
#pragma once

#include <unordered_map>
#include <vector>

#include <napi.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "pipes.h"

namespace uchroot {

class Process;

// What one environment (the main thread, or one worker) has running.
struct Registry {
  explicit Registry(napi_env owner) : env(owner), pipes(owner) {}
  napi_env env;
  uv_loop_t* loop = nullptr;
  const pid_t tid = static_cast<pid_t>(syscall(SYS_gettid));
  const bool mainThread = tid == getpid();
  bool closing = false;
  std::unordered_map<uint32_t, Process*> processes;  // by the number that JS has
  uint32_t lastId = 0;
  napi_async_cleanup_hook_handle hook = nullptr;
  // From the crew's threads back to the loop, which stays alive for those that are under way.
  uv_async_t arrival = {};
  size_t underWay = 0;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::vector<Process*> arrived;
  LoosePipes pipes;
  // The pidfds of all of them are in one epoll set, which the loop watches: a handle of its own for each would be six calls.
  // It stays alive for those that it awaits.
  int exitsFd = -1;
  uv_poll_t exits = {};
  size_t awaited = 0;

  // The handles of its loop. False if there is none.
  bool open();
  // For the first program: a command never has any. 0, or an errno.
  int openExits();
  // When the environment ends, and nothing of it runs any more.
  void closeIfIdle();
};

}  // namespace uchroot
