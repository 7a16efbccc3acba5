/* Memory, messages and keys that processes of the host share. */
#include "row.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

ROW("shared-memory", "reads a memory segment of the host", "shmget(2)") {
  int segment = (int)need("shmget", shmget(0x65736301, 0, 0));
  void *bytes = shmat(segment, 0, SHM_RDONLY);
  if (bytes == (void *)-1) failed("shmat");
  got(bytes, 4096);
}
ROW("shared-memory-list", "finds a segment whose key it does not know", "shmctl(2), SHM_STAT") {
  struct shmid_ds segment;
  int id = (int)need("shmctl", shmctl(0, SHM_STAT, &segment));
  void *bytes = shmat(id, 0, SHM_RDONLY);
  if (bytes == (void *)-1) failed("shmat");
  got(bytes, 4096);
}
ROW("new-shared-memory", "leaves a memory segment on the host", "shmget(2)") {
  need("shmget", shmget(0x65736311, 4096, IPC_CREAT | 0600));
  ask("look");
  shmctl(shmget(0x65736311, 0, 0), IPC_RMID, 0);
  did("shmget succeeded");
}
ROW("message", "takes a message from a queue of the host", "msgrcv(2)") {
  struct {
    long kind;
    char text[64];
  } message;
  int queue = (int)need("msgget", msgget(0x65736302, 0));
  long size = need("msgrcv", msgrcv(queue, &message, sizeof message.text, 0, IPC_NOWAIT));
  got(message.text, size);
}
ROW("semaphore", "changes a semaphore of the host", "semctl(2)") {
  int semaphore = (int)need("semget", semget(0x65736303, 0, 0));
  need("semctl", semctl(semaphore, 0, SETVAL, 5));
  did("semctl succeeded");
}
ROW("posix-message", "takes a message from a POSIX queue of the host", "mq_overview(7)") {
  char text[64];
  mqd_t queue = (mqd_t)need("mq_open", mq_open("/escape", O_RDWR | O_NONBLOCK));
  long size = need("mq_receive", mq_receive(queue, text, sizeof text, 0));
  mq_send(queue, text, (size_t)size, 0);
  got(text, size);
}
ROW("new-posix-queue", "leaves a POSIX queue on the host", "mq_open(3)") {
  need("mq_open", mq_open("/escape-new", O_RDWR | O_CREAT, 0600, 0));
  did("mq_open succeeded");
}
ROW("memory-of-name", "reads shared memory of the host by its name", "shm_overview(7)") { read_secret(AT_FDCWD, "/dev/shm/escape"); }
ROW("user-key", "reads a key in the keyring of its user", "user-keyring(7), keyctl(2)") {
  char bytes[64];
  long key = CALL(keyctl, 10 /* KEYCTL_SEARCH */, -4, "user", "escape-user", 0);
  got(bytes, CALL(keyctl, 11 /* KEYCTL_READ */, key, bytes, sizeof bytes));
}
ROW("session-key", "reads a key in the keyring of the caller's session", "session-keyring(7)") {
  char bytes[64];
  long key = CALL(keyctl, 10, -3, "user", "escape-session", 0);
  got(bytes, CALL(keyctl, 11, key, bytes, sizeof bytes));
}
