// What a program may try under the one word, as a user, as root inside, and without root: system calls by their numbers on x86-64, and the
// files of the kernel. Numbers are those of asm/unistd_64.h.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

import t from 'tap';

import { uchrootJail } from '../../support/builder.ts';
import { command, publicCommand, start, temporaryDirectory } from '../../support/launch.ts';
import { patientMs } from '../../support/patience.ts';
import { unlessRoot } from '../../support/root.ts';

const skip =
  unlessRoot('python3', 'setpriv') || (process.arch !== 'x64' && 'the numbers are those of x86-64');
const jail = skip === false ? `${temporaryDirectory()}/jail` : '/';
// Only this file has processes of this uid.
const uid = 61_472;
const ordinary = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];

t.before(() => {
  if (skip !== false) return;
  const built = uchrootJail(['build', jail, '--from-host']);
  if (built.status !== 0) throw new Error(built.stderr);
});

const listener = `
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind('\\0' + sys.argv[1])
server.listen()
print('up', flush=True)
sys.stdin.read()`;

const code = `
import ctypes, errno, fcntl, os, signal, time, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(256)
def call(*words):
    result = libc.syscall(*words)
    if result < 0: raise OSError(ctypes.get_errno(), '')
    return result
def write(path, text): os.write(os.open(path, os.O_WRONLY), text.encode())
def terminal(request):
    leader, own = os.openpty()
    fcntl.ioctl(own, request, b'x')
def memfd():
    fd = os.memfd_create('x', 0)
    os.write(fd, b'#!/bin/sh\\n')
    child = os.fork()
    if child == 0:
        try: os.execve(fd, ['x'], {})
        except OSError as error: os._exit(error.errno)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status: raise OSError(status, '')
def abstract():
    socket.socket(socket.AF_UNIX).connect('\\0' + sys.argv[2])
def raw(family, kind, protocol=0): socket.socket(family, kind, protocol)
host = int(sys.argv[1])
tries = {
    'mount': lambda: call(165, b'x', b'/tmp', b'tmpfs', 0, 0),
    'umount2': lambda: call(166, b'/tmp', 2),
    'pivot_root': lambda: call(155, b'/', b'/tmp'),
    'chroot': lambda: os.chroot('/tmp'),
    'fsopen': lambda: call(430, b'tmpfs', 0),
    'open_tree of a copy': lambda: call(428, -100, b'/', 1),
    'mount_setattr': lambda: call(442, -100, b'/', 0, struct.pack('QQQQ', 0, 1, 0, 0), 32),
    'unshare of mounts': lambda: call(272, 0x20000),
    'unshare of the network': lambda: call(272, 0x40000000),
    'clone of a user namespace': lambda: call(56, 0x10000000 | 17, 0, 0, 0, 0) or os._exit(0),
    'setns to the namespace of init': lambda: call(308, os.open('/proc/1/ns/mnt', os.O_RDONLY), 0),
    'an id map': lambda: write('/proc/self/uid_map', '0 0 1'),
    'open_by_handle_at': lambda: call(304, os.open('/', os.O_RDONLY), buffer, 0),
    'ptrace of init': lambda: call(101, 16, 1, 0, 0),
    'the memory of init': lambda: os.open('/proc/1/mem', os.O_RDONLY),
    'process_vm_readv of init': lambda: call(310, 1, struct.pack('QQ', ctypes.addressof(buffer), 8), 1, struct.pack('QQ', ctypes.addressof(buffer), 8), 1, 0),
    'the environment of init': lambda: open('/proc/1/environ').read(),
    'the program of init': lambda: os.open('/proc/1/exe', os.O_WRONLY),
    'pidfd_getfd of init': lambda: call(438, call(434, 1, 0), 0, 0),
    'a signal to the caller': lambda: os.kill(host, 0),
    'a signal to init': lambda: os.kill(1, signal.SIGKILL) or time.sleep(0.1) or 1 / 0,
    'add_key': lambda: call(248, b'user', b'x', b'x', 1, -3),
    'keyctl': lambda: call(250, 0, -3, 1),
    'request_key': lambda: call(249, b'user', b'x', 0, 0),
    'io_uring_setup': lambda: call(425, 1, buffer),
    'userfaultfd': lambda: call(323, 1),
    'bpf': lambda: call(321, 0, buffer, 64),
    'perf_event_open': lambda: call(298, struct.pack('IIQ', 1, 112, 0) + bytes(96), 0, -1, -1, 0),
    'fanotify_init': lambda: call(300, 0, 0),
    'init_module': lambda: call(175, buffer, 8, b''),
    'finit_module': lambda: call(313, 0, b'', 0),
    'delete_module': lambda: call(176, b'x', 0),
    'kexec_load': lambda: call(246, 0, 0, 0, 0),
    'kexec_file_load': lambda: call(320, 0, 0, 0, 0, 0),
    'reboot': lambda: call(169, 0xfee1dead, 672274793, 0, 0),
    'swapon': lambda: call(167, b'/tmp', 0),
    'quotactl': lambda: call(179, 0x80000700, b'/tmp', 0, buffer),
    'acct': lambda: call(163, 0),
    'clock_settime': lambda: call(227, 0, struct.pack('QQ', 0, 0)),
    'settimeofday': lambda: call(164, struct.pack('QQ', 0, 0), 0),
    'adjtimex': lambda: call(159, struct.pack('I', 1) + bytes(252)),
    'sethostname': lambda: call(170, b'x', 1),
    'setdomainname': lambda: call(171, b'x', 1),
    'iopl': lambda: call(172, 3),
    'ioperm': lambda: call(173, 0x80, 1, 1),
    'the log of the kernel': lambda: call(103, 3, buffer, 255),
    'TIOCSTI': lambda: terminal(0x5412),
    'TIOCLINUX': lambda: terminal(0x541c),
    'core_pattern': lambda: write('/proc/sys/kernel/core_pattern', '|/x'),
    'modprobe': lambda: write('/proc/sys/kernel/modprobe', '/x'),
    'sysrq': lambda: write('/proc/sysrq-trigger', 'h'),
    'drop_caches': lambda: write('/proc/sys/vm/drop_caches', '1'),
    'memfd_noexec': lambda: write('/proc/sys/vm/memfd_noexec', '0'),
    'binfmt_misc': lambda: write('/proc/sys/fs/binfmt_misc/register', ':x:E::x::/x:'),
    'a lower oom_score_adj': lambda: write('/proc/self/oom_score_adj', '-1000'),
    'kcore': lambda: open('/proc/kcore', 'rb').read(1) or 1 / 0,
    'kallsyms': lambda: open('/proc/kallsyms').read(1) or 1 / 0,
    '/sys': lambda: os.listdir('/sys/kernel'),
    'a cgroup': lambda: os.mkdir('/sys/fs/cgroup/x'),
    'a block device': lambda: os.mknod('/tmp/b', 0o060666, os.makedev(8, 0)),
    '/dev/mem': lambda: os.open('/dev/mem', os.O_RDONLY),
    'a memfd that is executed': memfd,
    'an abstract socket of the host': abstract,
    'a raw socket': lambda: raw(socket.AF_INET, socket.SOCK_RAW, 1),
    'a packet socket': lambda: raw(socket.AF_PACKET, socket.SOCK_RAW),
    'a vsock': lambda: raw(40, socket.SOCK_STREAM),
    'AF_ALG': lambda: raw(38, socket.SOCK_SEQPACKET),
    'setuid': lambda: os.setuid(0) if os.getuid() else os.setuid(1),
    'setgroups': lambda: os.setgroups([4]),
    'a capability': lambda: call(126, struct.pack('Ii', 0x20080522, 0), struct.pack('IIIIII', 1 << 21, 1 << 21, 0, 0, 0, 0)),
    'a better nice': lambda: os.nice(-5),
    'real time': lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
}
# any other error comes from behind the wall
walls = ['EPERM', 'EACCES', 'ENOSYS', 'ENOENT', 'ESRCH', 'EROFS', 'ECONNREFUSED', 'EAFNOSUPPORT']
for name, attempt in tries.items():
    try: attempt(); told = 'done'
    except OSError as error: told = errno.errorcode.get(error.errno, 'none')
    except ZeroDivisionError: told = 'EPERM'
    if told not in walls: print(name, told, sep=': ')
print(len(tries))
`;

// vm.memfd_noexec is for root of the host alone, and came with Linux 6.3 (proc_sys_vm(5)); an id without a map is no id (setuid(2), EINVAL).
const memory = 'a memfd that is executed: done';
const withRoot = existsSync('/proc/sys/vm/memfd_noexec') ? [] : [memory];
const withoutRoot = [memory, 'setuid: EINVAL'];

t.test('no wall of the one word has a door', { skip }, async (t) => {
  const name = `uchroot-walls-${process.pid}`;
  const server = spawn('python3', ['-I', '-c', listener, name], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => server.stdin.end());
  await once(server.stdout, 'data');
  const program = ['python3', '-I', '-c', code, String(process.pid), name];
  const view = [
    '--read-only',
    '--tmpfs',
    '/tmp',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--landlock-abi',
    'any',
  ];
  // more than its 10 s where python takes long
  const time = ['--time', String(patientMs(10_000) / 1000)];
  const own = ['--rootless', ...view, '--new-session', '--no-set-id'];
  const ways: Readonly<Record<string, readonly string[]>> = {
    user: [...command, '--untrusted', ...time, 'auto', jail],
    root: [...command, '--untrusted', ...time, '--allow-root', 'root', jail],
    // --untrusted=rootless without its limits, which need cgroups of the user's own
    rootless: [...ordinary, ...publicCommand(), ...own, String(uid), jail],
    'rootless, root inside': [...ordinary, ...publicCommand(), ...own, 'root', jail],
  };
  for (const [way, words] of Object.entries(ways)) {
    const { stdout, stderr } = start([...words, ...program]);
    const [count, ...doors] = stdout.trim().split('\n').toReversed();
    t.match(count, /^[67]\d$/, `${way}: ${stderr}`);
    t.same(doors.toReversed(), way.startsWith('rootless') ? withoutRoot : withRoot, way);
  }
  const { stdout } = start([...ordinary, ...program]);
  for (const open of ['keyctl', 'a memfd that is executed', 'an abstract socket of the host', '/sys'])
    t.ok(stdout.includes(`${open}: done\n`), `${open} without a jail`);
});
