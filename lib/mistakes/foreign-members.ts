// Methods that people know from other libraries, on objects of this one: a call says what is meant. Node says only that it is no
// function. The types do not have them.
import { UsageError } from '../errors.ts';

/** Names of methods, each with its hint. */
export type ForeignMembers = Readonly<Record<string, string>>;

const each = (names: string, hint: string): ForeignMembers =>
  Object.fromEntries(names.split(' ').map((name) => [name, hint]));

/**
 * Of a ChildProcess, of execa and of a Worker. Not those that others look for before they call them: methods of streams, and `send`,
 * which only a ChildProcess with a channel has.
 */
export const processMembers: ForeignMembers = {
  postMessage: 'there is no channel for messages: use child.stdin and child.stdout',
  ...each('terminate cancel abort', 'write child.kill()'),
  ...each('wait waitForExit', 'write await child.exited'),
};

const within = 'a jail is a directory of the host: use node:fs, and path.join(String(jail.directory), PATH)';

/** Of containers, child_process and zx. Not `dispose` and `destroy`, which others look for to clean up. */
export const jailMembers: ForeignMembers = {
  ...each(
    'exec execFile execute runInJail command',
    "write await jail.run({program: '/bin/ls', args: ['-l']}), or jail.$`ls -l`",
  ),
  ...each('start launch fork spawnInJail', "write await jail.spawn({program: '/bin/ls', args: ['-l']})"),
  ...each('stop kill end', 'write jail.close(); child.kill() ends a program'),
  remove: "write await removeJail({directory: '/srv/jail'})",
  update: "write await updateJail({directory: '/srv/jail'})",
  check: "write await checkJail({directory: '/srv/jail'})",
  list: "write await listJail({directory: '/srv/jail'})",
  ...each('readFile writeFile mkdir copy cp', within),
};

const decide = "write await hosts.check({daemon: 'sshd', client: {address: '192.0.2.1'}})";

/** Of the rules of others. */
export const hostsMembers: ForeignMembers = {
  ...each('allow isAllowed allows match matches decide test access hostsAccess', decide),
  ...each(
    'reload refresh close',
    'leave it out: a change of the files counts at once, and nothing is held open',
  ),
};

/** Of a net.Server. */
export const serviceMembers: ForeignMembers = {
  ...each('close stop end shutdown', 'write await service.drain()'),
  ...each('listen start', 'leave it out: it listens already, on service.addresses'),
  address: 'write service.addresses',
  restart: 'write await service.reload()',
};

/** Adds them to a class. */
export function refuseMembers(prototype: object, members: ForeignMembers): void {
  for (const [name, hint] of Object.entries(members))
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      value: (): never => {
        throw new UsageError(`there is no ${name}() here`, { hint });
      },
    });
}
