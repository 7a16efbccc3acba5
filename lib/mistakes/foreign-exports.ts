// Names that people import from `uchroot` and that other libraries, or its other entry points, have. Each is a function that says
// what is meant, because Node says only that there is no such export. The types do not have them.
import { UsageError } from '../errors.ts';
import type { Foreign } from '../words/nearest.ts';
import { words } from '../words/word-list.ts';

const blocking = 'no call blocks: write await runInJail({...})';
const from = (entry: string, names: string): Foreign =>
  Object.fromEntries(words(names).map((name) => [name, `write import { ${name} } from '${entry}'`]));
const meaning = (pairs: string): Foreign =>
  Object.fromEntries(
    words(pairs).map((pair) => {
      const [name = '', meant = ''] = pair.split(':');
      return [name, `did you mean ${meant}()?`];
    }),
  );

/** By entry point: names that it does not have, each with its hint. */
export const foreignExports: Readonly<Record<'index' | 'posix' | 'tcpwrappers', Foreign>> = {
  index: {
    // child_process, execa, zx
    ...meaning(
      'spawn:spawnInJail fork:spawnInJail exec:runInJail execFile:runInJail execa:runInJail execaCommand:runInJail run:runInJail',
    ),
    spawnSync: blocking,
    execSync: blocking,
    execFileSync: blocking,
    execaSync: blocking,
    runInJailSync: blocking,
    $: "write const { $ } = await openJail('/srv/jail', {user: 'sam'})",
    // commands of uchroot, and words for the same thing
    ...meaning(
      'launch:spawnInJail start:spawnInJail uchroot:runInJail open:openJail createJail:buildJail makeJail:buildJail build:buildJail',
    ),
    ...meaning(
      'update:updateJail clone:cloneJail copyJail:cloneJail check:checkJail list:listJail explain:explainFile remove:removeJail',
    ),
    ...meaning(
      'deleteJail:removeJail destroyJail:removeJail serve:serveInJail listen:serveInJail createServer:serveInJail',
    ),
    ...meaning('adopt:adoptService release:releaseService plan:planLaunch doctor:capabilities'),
    ...from(
      'uchroot/posix',
      'chdir chroot execv getgrnam getgrouplist getpwnam getpwuid setgid setgroups setuid',
    ),
    ...from(
      'uchroot/tcpwrappers',
      'Decision Hosts checkHosts describeSocket explainHosts exportHosts guard hostsAccess openHosts writeLog',
    ),
  },
  posix: {
    ...meaning('execve:execv execvp:execv execvpe:execv exec:execv getgroups:getgrouplist'),
    ...meaning(
      'getuid:process.getuid geteuid:process.geteuid getgid:process.getgid getegid:process.getegid umask:process.umask',
    ),
    ...meaning('seteuid:process.seteuid setegid:process.setegid kill:process.kill getcwd:process.cwd'),
    initgroups: 'write setgroups(getgrouplist(user, gid))',
    setreuid: 'write setuid(uid), which sets the real, effective and saved one',
    setresuid: 'write setuid(uid), which sets the real, effective and saved one',
    setregid: 'write setgid(gid), which sets the real, effective and saved one',
    setresgid: 'write setgid(gid), which sets the real, effective and saved one',
    fork: "write import { spawnInJail } from 'uchroot', which starts a program beside this process",
    ...from('uchroot', 'runInJail spawnInJail openJail execInJail'),
  },
  tcpwrappers: {
    ...meaning('check:checkHosts explain:explainHosts match:explainHosts open:openHosts'),
    ...meaning('hosts_access:hostsAccess allow:hostsAccess isAllowed:hostsAccess middleware:guard'),
    ...from('uchroot', 'runInJail spawnInJail openJail serveInJail'),
  },
};

/** Adds them to what an entry point exports. No loop over its keys sees them. */
export function withForeign<T extends object>(library: T, entry: keyof typeof foreignExports): T {
  for (const [name, hint] of Object.entries(foreignExports[entry]))
    Object.defineProperty(library, name, {
      value: (): never => {
        const where = entry === 'index' ? 'uchroot' : `uchroot/${entry}`;
        throw new UsageError(`${where} has no ${name}()`, { hint });
      },
    });
  return library;
}
