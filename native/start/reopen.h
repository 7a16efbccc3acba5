// A descriptor's file, opened once more: O_NONBLOCK belongs to the open file, which a duplicate shares (open(2)).
#pragma once

namespace uchroot {

// A descriptor above 2 of its own open file, with O_NONBLOCK and the same access; -1 where that is refused.
int reopen(int fd, int access);

}  // namespace uchroot
