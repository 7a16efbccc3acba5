/*
 * Answers requests with the installed libwrap. Reads rule files and requests from standard input. Writes verdicts, and all
 * that libwrap did, to standard output. test/support/tcpwrappers-oracle.ts talks to it.
 *
 * This file defines functions of libc and libwrap that have an effect outside the decision. They replace the originals and
 * record that they were called. A forked child answers the requests, because libwrap can overflow its stack. The next
 * child continues after the request that killed it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>
/* the library is built with INET6; without it the header declares another struct */
#define INET6 1
#include <tcpd.h>

int allow_severity, deny_severity;

enum {
	ARENA = 64 << 20,
	/* the connection: only a number, because this file defines all calls that use it */
	CONNECTION = 12345,
};

/* Shared with the child: answers that are not written yet, and its progress. */
static struct arena {
	uint32_t used; /* bytes of whole answers */
	uint32_t left; /* unanswered requests of the set */
	size_t input_at;
	unsigned char data[ARENA];
} *arena;

static uint32_t at;	 /* position of the answer to the present request */
static sigjmp_buf leave; /* leaves a request where libwrap would exit */

/* The results of the look-ups of the present request. */
static char *client_name, *server_name, *user_name;

static void put(const void *bytes, uint32_t size)
{
	if (at + size > ARENA)
		abort();
	memcpy(arena->data + at, bytes, size);
	at += size;
}

static void put_event(char kind, const char *text, size_t size)
{
	uint16_t length = size > 65535 ? 65535 : size;

	put(&kind, 1);
	put(&length, 2);
	put(text, length);
}

static void event(char kind, const char *format, ...)
{
	static char text[65536];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put_event(kind, text, size < 0 ? 0 : size);
}

/* --- replace functions of libc and libwrap; the letters are the kinds of events --- */

/* log */
void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments)
{
	static char text[65536];
	int size = vsnprintf(text, sizeof(text), format, arguments);

	(void)flag;
	(void)priority;
	put_event('l', text, size < 0 ? 0 : size);
}

void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	__vsyslog_chk(priority, flag, format, arguments);
	va_end(arguments);
}

/* spawn */
void shell_cmd(char *command)
{
	put_event('s', command, strlen(command));
}

/* user; like the real one, asks nobody if the families differ */
void rfc931(struct sockaddr *client, struct sockaddr *server, char *user)
{
	if (client->sa_family != server->sa_family) {
		STRN_CPY(user, unknown, STRING_LENGTH);
		return;
	}
	event('u', "%d", rfc931_timeout);
	STRN_CPY(user, user_name, STRING_LENGTH);
}

/* host: the method of a request that libwrap uses to look names up */
static void find_name(struct host_info *host)
{
	int is_client = host == host->request->client;

	event('h', "%s", is_client ? "client" : "server");
	STRN_CPY(host->name, is_client ? client_name : server_name, STRING_LENGTH);
}

/* called only before an exit */
unsigned sleep(unsigned seconds)
{
	(void)seconds;
	siglongjmp(leave, 1);
}

int nice(int by)
{
	event('n', "%d", by);
	return 0;
}

/* mask */
mode_t umask(mode_t mask)
{
	event('m', "%o", mask);
	return 0;
}

/* environment; as in libc, a name that is empty or contains '=' is wrong */
int setenv(const char *name, const char *value, int overwrite)
{
	(void)overwrite;
	if (name == NULL || *name == '\0' || strchr(name, '=') != NULL) {
		errno = EINVAL;
		return -1;
	}
	event('e', "%s=%s", name, value);
	return 0;
}

/* keepalive, linGer */
int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	const struct linger *linger = value;

	(void)fd;
	(void)size;
	if (level == SOL_SOCKET && name == SO_KEEPALIVE)
		event('k', "%d", *(const int *)value);
	else if (level == SOL_SOCKET && name == SO_LINGER)
		event('g', "%d", linger->l_onoff ? linger->l_linger : 0);
	return 0;
}

/* banner; this program writes everything else itself */
ssize_t write(int fd, const void *bytes, size_t size)
{
	if (fd != CONNECTION)
		return syscall(SYS_write, fd, bytes, size);
	put_event('b', bytes, size);
	return size;
}

/* a dry run would change our identity */
int setuid(uid_t uid)
{
	(void)uid;
	return 0;
}

int setgid(gid_t gid)
{
	(void)gid;
	return 0;
}

int initgroups(const char *user, gid_t gid)
{
	(void)user;
	(void)gid;
	return 0;
}

int setgroups(size_t count, const gid_t *groups)
{
	(void)count;
	(void)groups;
	return 0;
}

/* --- input: numbers of 32 bits; strings with their size before them and a NUL after them --- */

static unsigned char *input;
static size_t input_size;

static uint32_t take_number(void)
{
	uint32_t number;

	if (arena->input_at + sizeof(number) > input_size)
		exit(3);
	memcpy(&number, input + arena->input_at, sizeof(number));
	arena->input_at += sizeof(number);
	return number;
}

static char *take_string(uint32_t *size)
{
	char *string;

	*size = take_number();
	if (*size + 1 > input_size - arena->input_at)
		exit(3);
	string = (char *)input + arena->input_at;
	arena->input_at += *size + 1;
	return string;
}

static char *take_text(void)
{
	uint32_t size;

	return take_string(&size);
}

static void read_input(void)
{
	size_t room = 1 << 20;
	ssize_t got;

	input = malloc(room);
	while (input != NULL && (got = read(0, input + input_size, room - input_size)) > 0) {
		input_size += got;
		if (input_size == room)
			input = realloc(input, room *= 2);
	}
	if (input == NULL)
		exit(2);
}

/* The files of a set: 0 a text, 1 a directory, 2 a link to itself, 3 missing. */
static void make_files(void)
{
	uint32_t count = take_number();

	while (count-- > 0) {
		char *path = take_text();
		uint32_t kind = take_number(), size;
		char *text = take_string(&size);
		int fd;

		if (unlink(path) < 0 && errno == EISDIR)
			rmdir(path);
		if (kind == 0) {
			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
			if (fd < 0 || write(fd, text, size) != (ssize_t)size || close(fd) < 0)
				exit(4);
		} else if ((kind == 1 && mkdir(path, 0700) < 0 && errno != EEXIST) || (kind == 2 && symlink(path, path) < 0))
			exit(4);
	}
}

/* A request: flags (1 client name known, 2 user known, 4 server name known, 8 ports known, 16 dry run), and the rest. */
struct question {
	uint32_t flags, client_port, server_port;
	char *daemon, *address, *name, *user, *server, *server_name;
};

static struct question take_question(void)
{
	struct question question;

	question.flags = take_number();
	question.daemon = take_text();
	question.address = take_text();
	question.name = take_text();
	question.user = take_text();
	question.server = take_text();
	question.server_name = take_text();
	question.client_port = take_number();
	question.server_port = take_number();
	return question;
}

/* --- answers: the verdict, events, zero --- */

static struct sockaddr *endpoint(struct sockaddr_storage *place, const char *address, int port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)place;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)place;

	memset(place, 0, sizeof(*place));
	if (strchr(address, ':') != NULL) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		inet_pton(AF_INET6, address, &six->sin6_addr);
	} else {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		inet_pton(AF_INET, address, &four->sin_addr);
	}
	return (struct sockaddr *)place;
}

static void answer(struct question q)
{
	struct sockaddr_storage client, server;
	struct request_info request;
	uint32_t begin = at;
	int is_dry = (q.flags & 16) != 0;
	unsigned char verdict;

	client_name = q.name;
	user_name = q.user;
	server_name = q.server_name;
	request_init(&request, RQ_FILE, CONNECTION, RQ_DAEMON, q.daemon, RQ_CLIENT_ADDR, q.address, RQ_CLIENT_NAME,
		     q.flags & 1 ? q.name : "", RQ_USER, q.flags & 2 ? q.user : "", RQ_SERVER_ADDR, q.server,
		     RQ_SERVER_NAME, q.flags & 4 ? q.server_name : "", 0);
	request.hostname = find_name;
	strcpy(request.pid, "4242");
	if (q.flags & 8)
		request_set(&request, RQ_CLIENT_SIN, endpoint(&client, q.address, q.client_port), RQ_SERVER_SIN,
			    endpoint(&server, q.server, q.server_port), 0);
	hosts_access_verbose = 2;
	dry_run = is_dry;
	resident = -1;
	rfc931_timeout = 10;
	allow_severity = deny_severity = -1;

	put("?", 1);
	if (sigsetjmp(leave, 0) == 0)
		verdict = hosts_access(&request) ? 'g' : 'd';
	else
		verdict = 'x';
	/* Twist, in a dry run */
	if (dry_run != is_dry)
		event('t', "");
	/* seVerity */
	if (allow_severity != -1)
		event('v', "%d", allow_severity);
	put("", 1);
	arena->data[begin] = verdict;
}

static void write_out(void)
{
	for (uint32_t done = 0; done < arena->used;) {
		ssize_t size = write(1, arena->data + done, arena->used - done);

		if (size < 0)
			exit(5);
		done += size;
	}
	arena->used = 0;
}

/* In the child: answers the remaining requests. Each request is removed from the input first, so that a request that ends the
   child is not asked again. */
static void answer_rest(void)
{
	struct rlimit none = {0, 0}, stack = {1 << 20, 1 << 20};

	/* a small stack: a file of patterns that names itself overflows it sooner */
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_STACK, &stack);
	while (arena->left > 0 || arena->input_at < input_size) {
		if (arena->left == 0) {
			make_files();
			arena->left = take_number();
			continue;
		}
		if (arena->used > ARENA / 2)
			write_out();
		at = arena->used;
		arena->left--;
		answer(take_question());
		arena->used = at;
	}
	_exit(0);
}

int main(void)
{
	arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED)
		return 2;
	hosts_allow_table = "hosts.allow";
	hosts_deny_table = "hosts.deny";
	read_input();
	while (arena->left > 0 || arena->input_at < input_size) {
		pid_t child = fork();
		int status;

		if (child == 0)
			answer_rest();
		if (child < 0 || waitpid(child, &status, 0) != child || WIFEXITED(status))
			break;
		at = arena->used;
		put("c", 2);
		arena->used = at;
	}
	write_out();
	return 0;
}
