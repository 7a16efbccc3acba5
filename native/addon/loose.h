// The descriptors that JS has received from the addon.
#pragma once

#include <napi.h>
#include <sys/types.h>

#include <span>
#include <unordered_map>

namespace uchroot {

// Those that no stream owns yet. A worker can be terminated at any time, without running JS: then they are closed here.
class LooseDescriptors {
 public:
  explicit LooseDescriptors(napi_env env) : env_(env) {}
  LooseDescriptors(const LooseDescriptors&) = delete;
  LooseDescriptors& operator=(const LooseDescriptors&) = delete;
  ~LooseDescriptors() { closeAll(); }

  // `isKeptPipe`: the pipe's content stays in memory until JS no longer needs it.
  void add(int fd, bool isKeptPipe = false);
  // Another owner closes the descriptor from now on.
  void remove(int fd);
  // Called when all streams of the environment are closed.
  void closeAll();

 private:
  // The inode tells whether the number is still this file, or another one because a stream has closed it.
  struct Loose {
    dev_t device;
    ino_t inode;
    bool isKeptPipe;
  };

  napi_env env_;
  std::unordered_map<int, Loose> loose_;
};

LooseDescriptors& looseDescriptors(Napi::Env env);

// Hands descriptors to JS.
Napi::Array toDescriptors(Napi::Env env, std::span<const int> fds);

}  // namespace uchroot
