// The service's ends of pipes to programs, from the launch until a stream of JS closes them.
#pragma once

#include <unordered_map>

#include <sys/types.h>

#include <napi.h>

namespace uchroot {

// Those of one environment that no stream has yet. A worker can be terminated at any time: then they are closed here.
class LoosePipes {
 public:
  explicit LoosePipes(napi_env env) : env_(env) {}

  // JS gets a descriptor. `isKept`: what the pipe holds is memory that lives until JS has no use for it.
  void add(int fd, bool isKept);
  // A stream closes it from now on. False if it is not among them.
  bool remove(int fd);
  // When all streams of the environment are closed.
  void closeAll();

 private:
  // A pipe's inode is its own: so it is known again, if a stream has closed it and the number is another file's.
  struct Pipe {
    dev_t device;
    ino_t inode;
    bool isKept;
  };

  napi_env env_;
  std::unordered_map<int, Pipe> pipes_;
};

// Whether a pipe is empty and nobody can write into it.
bool isSpent(int fd);

// pipeTaken(fd), closePipe(fd), endedPipe(), pollPipe(fd); `loose` lives as long as the environment.
void initPipes(Napi::Env env, Napi::Object exports, LoosePipes* loose);

}  // namespace uchroot
