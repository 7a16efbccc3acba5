// The first statements of each command. They keep Node's debugger closed: every user of the host could connect to it, and run code as root.
//
// Node opens its debugger on 127.0.0.1 at SIGUSR1 (https://nodejs.org/api/process.html#signal-events). The listener below prevents this.
// Before it is there, find-node.sh prevents it: --inspect-port names a multicast address, and no TCP socket can be bound to one (ipv6(7);
// net/ipv6/af_inet6.c, inet6_bind: EINVAL). find-node.sh also keeps NODE_OPTIONS=--inspect from Node. All versions of Node take
// --inspect-port; --disable-sigusr1 would end Node 20. If somebody else started this Node, its debugger may be open already.
// _debugEnd is inspector.close(), without the millisecond that its module takes to load (Node, lib/inspector.js).
const endDebugger: () => void =
  Reflect.get(process, '_debugEnd') ?? (() => process.getBuiltinModule('node:inspector').close());

process.on('SIGUSR1', () => undefined);
endDebugger();
// a thread of Node opens the debugger, perhaps some time after the signal
setTimeout(endDebugger, 1000).unref();

// for the programs that this command starts (--pass-env)
const { UCHROOT_NODE_OPTIONS } = process.env;
if (UCHROOT_NODE_OPTIONS !== undefined) {
  process.env.NODE_OPTIONS = UCHROOT_NODE_OPTIONS;
  delete process.env.UCHROOT_NODE_OPTIONS;
}
