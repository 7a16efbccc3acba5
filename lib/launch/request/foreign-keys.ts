// Keys that callers know from other libraries, each with the key that has the same meaning here; and keys of another call.
import { type Foreign, pairs } from '../../words/nearest.ts';

const each = (keys: string, hint: (key: string) => string): Foreign =>
  Object.fromEntries(keys.split(' ').map((key) => [key, hint(key)]));

/** For a key that a launch does not have: the key that is meant, or a hint. */
export const foreignKeys: Foreign = {
  // child_process (nodejs.org/api/child_process.html) and execa (github.com/sindresorhus/execa, docs/api.md)
  ...pairs('uid:user gid:group timeout:timeoutMs maxBuffer:maxBufferBytes detached:newSession'),
  shell: "there is no shell: start one, {program: '/bin/sh', args: ['-c', 'COMMAND']}",
  ...pairs(`stdin:stdio stdout:stdio stderr:stdio cancelSignal:signal forceKillAfterDelay:forceKillAfterMs
    inputFile:input extendEnv:keepEnv cleanup:dieWithParent`),
  // zx, node-pty, dockerode
  ...pairs(`nothrow:reject cols:pty rows:pty tty:pty workingDir:cwd networkMode:net readonlyRootfs:readOnly
    capAdd:caps pidsLimit:pids nanoCpus:cpu autoRemove:ephemeral binds:view entrypoint:program`),
  // subprocess of Python, os/exec of Go, Kubernetes
  ...pairs(`captureOutput:stdio universalNewlines:lines check:reject startNewSession:newSession
    runAsUser:user runAsGroup:group fsGroup:groups readOnlyRootFilesystem:readOnly volumes:view
    volumeMounts:view`),
  // words for the same thing
  ...pairs(`username:user dir:cwd workdir:cwd workingDirectory:cwd chdir:cwd directory:jail root:jail
    rootDirectory:jail chroot:jail command:program cmd:program file:program path:program argv:args
    arguments:args environment:env capabilities:caps ulimits:rlimits bind:view roBind:view mount:view
    mounts:view tmpfs:view proc:view dev:view network:net memoryLimit:memory mem:memory cpus:cpu
    processes:pids priority:nice`),
  ...each(
    'input stdoutTo stderrTo maxBufferBytes encoding reject all stripFinalNewline lines',
    (key) => `${key} is a key of runInJail() and of run()`,
  ),
  ...each(
    'stdio timeoutMs signal forceKillAfterMs newGroup',
    (key) => `${key} is a key of spawnInJail() and runInJail()`,
  ),
  ...each('share concurrency', (key) => `${key} is a key of openJail(), for the programs of one jail`),
};
