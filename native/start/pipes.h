// Descriptors of the service that programs have the other end of: pipes, until a stream of JS closes them, and the status descriptor.
#pragma once

#include <unordered_map>

#include <sys/types.h>

#include <napi.h>

namespace uchroot {

// Descriptors of one environment that JS has and no stream yet. A worker can be terminated at any time: then they are closed here.
class LoosePipes {
 public:
  explicit LoosePipes(napi_env env) : env_(env) {}

  // JS gets a descriptor. `isKept`: the content of the pipe is memory that lives until JS has no use for it.
  void add(int fd, bool isKept);
  // A stream closes it from now on. False if it is not listed.
  bool remove(int fd);
  // To be called when all streams of the environment are closed.
  void closeAll();

 private:
  // A pipe's inode tells whether a number is still that pipe, or that of another file since a stream has closed it.
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

// Opens a descriptor's file once more, with O_NONBLOCK: that flag belongs to the open file, which a duplicate would share (open(2)).
// The descriptor is above 2; -1 if it is refused.
int reopen(int fd, int access);

// pipeTaken(fd), closePipe(fd), endedPipe(), pollPipe(fd), openStatus(fd), writeStatus(fd, line); `loose` lives as long as JS.
void initPipes(Napi::Env env, Napi::Object exports, LoosePipes& loose);

}  // namespace uchroot
