#include "registry.h"

#include <cerrno>

#include <sys/epoll.h>

#include "../files/descriptor.h"
#include "process.h"

namespace uchroot {
namespace {

void removeHook(uv_handle_t* handle) {
  (void)napi_remove_async_cleanup_hook(static_cast<Registry*>(handle->data)->hook);
}

void onCleanup(napi_async_cleanup_hook_handle hook, void* data) {
  Registry* registry = static_cast<Registry*>(data);
  registry->closing = true;
  registry->hook = hook;
  registry->pipes.closeAll();
  const auto processes = registry->processes;
  for (const auto& [id, process] : processes) process->shutDown();
  if (processes.empty()) registry->closeIfIdle();
}

// The set stays ready for those that do not fit in at once.
void onExits(uv_poll_t* handle, int, int) {
  Registry* registry = static_cast<Registry*>(handle->data);
  epoll_event events[64];
  const int ready = epoll_wait(registry->exitsFd, events, std::size(events), 0);
  for (int i = 0; i < ready; i++) {
    const auto found = registry->processes.find(events[i].data.u32);
    if (found != registry->processes.end()) found->second->onExitReady();
  }
}

void onArrival(uv_async_t* handle) {
  Registry* registry = static_cast<Registry*>(handle->data);
  std::vector<Process*> arrived;
  pthread_mutex_lock(&registry->mutex);
  arrived.swap(registry->arrived);
  pthread_mutex_unlock(&registry->mutex);
  for (Process* process : arrived) process->land();
}

}  // namespace

void Registry::closeIfIdle() {
  if (!closing || !processes.empty()) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&arrival), [](uv_handle_t* ended) {
    Registry* self = static_cast<Registry*>(ended->data);
    if (self->exitsFd < 0) return removeHook(ended);
    uv_close(reinterpret_cast<uv_handle_t*>(&self->exits), [](uv_handle_t* exits) {
      closeIfOpen(static_cast<Registry*>(exits->data)->exitsFd);
      removeHook(exits);
    });
  });
}

int Registry::openExits() {
  if (exitsFd >= 0) return 0;
  exitsFd = epoll_create1(EPOLL_CLOEXEC);
  if (exitsFd < 0) return errno;
  int error = uv_poll_init(loop, &exits, exitsFd);
  if (error != 0) {
    closeIfOpen(exitsFd);
    return -error;
  }
  exits.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&exits));
  // of an initialised handle it does not fail
  return -uv_poll_start(&exits, UV_READABLE, onExits);
}

bool Registry::open() {
  if (napi_get_uv_event_loop(env, &loop) != napi_ok || uv_async_init(loop, &arrival, onArrival) != 0 ||
      napi_add_async_cleanup_hook(env, onCleanup, this, &hook) != napi_ok) {
    return false;
  }
  arrival.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&arrival));
  return true;
}

}  // namespace uchroot
