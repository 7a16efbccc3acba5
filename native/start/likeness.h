// What a program inherits of its scheduling: from the thread of the service that asks for it, not from the one that starts it.
#pragma once

#include <sys/types.h>

namespace uchroot {

// This thread takes on nice value, I/O class and CPU affinity of another one, as they are now: each of them is a thread's own
// (sched(7), ioprio_set(2)), and os.setPriority(), renice, ionice and taskset change those of the main thread. A cpuset
// that has changed is seen by that too. What is refused leaves this thread with less than the other has.
void becomeLike(pid_t tid);

}  // namespace uchroot
