// The first statements of each command: no debugger of Node listens in it, because every user of the host could connect to it, and would
// run code as root.
//
// Node opens one on 127.0.0.1 at SIGUSR1 (https://nodejs.org/api/process.html#signal-events), which a listener replaces. The first lines
// of a command (find-node.sh) close the time before that, and keep NODE_OPTIONS=--inspect from Node: they name a multicast address for
// the debugger, and no socket of TCP can be bound to one (ipv6(7); net/ipv6/af_inet6.c, inet6_bind: EINVAL). All versions of Node take
// --inspect-port; --disable-sigusr1 ends Node 20. A Node that somebody else started may have one open already.
// _debugEnd is inspector.close(), without the millisecond that its module takes to load (Node, lib/inspector.js).
const endDebugger: () => void =
  Reflect.get(process, '_debugEnd') ?? (() => process.getBuiltinModule('node:inspector').close());

process.on('SIGUSR1', () => undefined);
endDebugger();
// A thread of Node opens it, so it may come later than the signal.
setTimeout(endDebugger, 1000).unref();

// It is for the programs that this command starts (--pass-env).
const { UCHROOT_NODE_OPTIONS } = process.env;
if (UCHROOT_NODE_OPTIONS !== undefined) {
  process.env.NODE_OPTIONS = UCHROOT_NODE_OPTIONS;
  delete process.env.UCHROOT_NODE_OPTIONS;
}
