// A program until it runs: the launch, on a thread of the crew, and what the launcher says of it.

#include <fcntl.h>
#include <linux/wait.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "../files/descriptor.h"
#include "likeness.h"
#include "process.h"

namespace uchroot {

Process::Process(Registry* registry, LaunchRequest request, std::shared_ptr<const HostSight> sight, ProcessGroup group,
        Napi::Function onStarted, Napi::Function onExit)
    : registry_(registry),
      group_(group),
      request_(std::move(request)),
      sight_(std::move(sight)),
      onStarted_(Napi::Persistent(onStarted)),
      onExit_(Napi::Persistent(onExit)) {
  status_.data = this;
  request_.recall = &recall_;
  thread_ = threadFor(request_.plan);
  do id_ = ++registry_->lastId;
  while (!registry_->processes.emplace(id_, this).second);
}

bool Process::queue() {
  if (!submit(*this, thread_)) return false;
  if (registry_->underWay++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&registry_->arrival));
  return true;
}

void Process::run(Worker& worker) {
  if (!recall_.isWanted && lookAgain()) result_.failure = worker.prepare(request_.plan);
  if (!changed_ && result_.failure.error == 0) {
    becomeLike(registry_->tid);
    request_.isBatch = worker.isBatch;
    result_ = launch(request_);
    closeRequest();
    if (result_.statusFd >= 0) recall_.isLate = readStatus();
  }
  arrive();
}

void Process::recall() {
  recall_.isWanted = true;
  if (withdraw(*this, thread_)) {
    result_.failure = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
    return arrive();
  }
  // open until this is deleted, which happens on this thread
  const int pidFd = recall_.pidFd;
  if (pidFd >= 0 && !recall_.isLate) (void)syscall(SYS_pidfd_send_signal, pidFd, SIGKILL, nullptr, 0);
}

void Process::land() {
  if (--registry_->underWay == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&registry_->arrival));
  launched();
}

Process::~Process() {
  closeRequest();
  closeIfOpen(request_.jailFd);
  closeIfOpen(result_.statusFd);
  closeIfOpen(result_.pidFd);
  for (int& fd : result_.pipes) closeIfOpen(fd);  // those that JS never got
}

bool Process::lookAgain() {
  if (sight_ == nullptr) return true;
  changed_ = !sight_->isStillTrue(&request_.jailFd);
  return !changed_;
}

bool Process::readStatus() {
  PlanFailure record;
  for (;;) {
    const ssize_t got = read(result_.statusFd, &record, sizeof record);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    if (got != sizeof record) break;
    failure_ = record;
  }
  if (failure_.error == 0) closeIfOpen(request_.jailFd);
  return statusKnown_ = true;
}

void Process::arrive() {
  Registry* registry = registry_;  // once it is in the list, the loop may delete this at any time
  pthread_mutex_lock(&registry->mutex);
  registry->arrived.push_back(this);
  (void)uv_async_send(&registry->arrival);  // in here: out of it the loop may have closed the handle
  pthread_mutex_unlock(&registry->mutex);
}

void Process::closeRequest() {
  for (int& fd : request_.stdio) {
    if (fd >= 0) closeIfOpen(fd);
  }
  for (LaunchRequest::Kept& kept : request_.kept) closeIfOpen(kept.source);
  request_.plan = {};
}

void Process::launched() {
  const Napi::Env env(registry_->env);
  const Napi::HandleScope scope(env);
  launched_ = true;
  if (result_.pid < 0) {
    ended_ = true;
    tellStarted(result_.failure);
    finishIfClosed();
    return;
  }
  int error = 0;
  if (!statusKnown_) {
    // it can only fail for a descriptor that epoll does not take, or without memory
    error = uv_poll_init(registry_->loop, &status_, result_.statusFd);
    statusOpen_ = error == 0;
    if (error == 0) error = uv_poll_start(&status_, UV_READABLE, onStatusReady);
  }
  if (registry_->closing) {
    shutDown();
  } else if (error != 0) {
    abandon(-error);
  } else if (statusKnown_) {
    proceed();
  }
}

void Process::abandon(int error) {
  (void)kill(SIGKILL);
  siginfo_t info;
  (void)syscall(SYS_waitid, P_PIDFD, result_.pidFd, &info, WEXITED, nullptr);
  ended_ = true;
  closeStatus();
  unwatch();
  tellStarted({kNoStep, PHASE_DESCRIPTORS, error, 0});
  finishIfClosed();
}

void Process::onStatusReady(uv_poll_t* handle, int, int) {
  Process* self = static_cast<Process*>(handle->data);
  if (!self->readStatus()) return;
  self->closeStatus();
  self->proceed();
}

void Process::proceed() {
  if (silent_) return;
  if (const int error = watch(); error != 0) return abandon(error);
  if (failure_.error == 0) tellStarted({kNoStep, 0, 0, 0});
}

}  // namespace uchroot
