// The service's ends of its programs' pipes, until a JS stream closes them, and the status descriptor.
#pragma once

#include <unordered_map>

#include <sys/types.h>

#include <napi.h>

namespace uchroot {

// Descriptors that JS has received but no stream owns yet. A worker can be terminated at any time: then they are closed here.
class LoosePipes {
 public:
  explicit LoosePipes(napi_env env) : env_(env) {}

  // Adds a descriptor that JS receives. `isKept`: the pipe's content stays in memory until JS no longer needs it.
  void add(int fd, bool isKept);
  // A stream closes the descriptor from now on. False if it is not listed.
  bool remove(int fd);
  // Called when all streams of the environment are closed.
  void closeAll();

 private:
  // The inode tells whether the number is still this pipe, or another file because a stream has closed it.
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

// Whether it is a pipe or a terminal, which reopen() can open again.
bool isReopenable(int fd);

// Opens a descriptor's file again, with O_NONBLOCK. A duplicate would share that flag with the original (open(2)). Returns a
// descriptor above 2, or -1 if the file cannot be opened.
int reopen(int fd, int access);

// pipeTaken(fd), closePipe(fd), endedPipe(), pollPipe(fd), openStatus(fd), writeStatus(fd, line). `loose` must live as long as
// the environment.
void initPipes(Napi::Env env, Napi::Object exports, LoosePipes& loose);

}  // namespace uchroot
