// The service's ends of its programs' pipes, and the status descriptor.
#pragma once

#include <napi.h>

namespace uchroot {

// Whether a pipe is empty and nobody can write into it.
bool isSpent(int fd);

// Whether it is a pipe or a terminal, which reopen() can open again.
bool isReopenable(int fd);

// Opens a descriptor's file again, with O_NONBLOCK. A duplicate would share that flag with the original (open(2)). Returns a
// descriptor above 2, or -1 if the file cannot be opened.
int reopen(int fd, int access);

void initPipes(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
