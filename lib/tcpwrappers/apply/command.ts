// Commands of rules, run by /bin/sh: without a terminal, not for ever, and not too many at once.

import { spawn, type StdioOptions } from 'node:child_process';

import { Turns } from '../../turns.ts';

/** Commands that run at once; as many clients as like can ask for one. */
const MOST_AT_ONCE = 64;
const turns = new Turns({ most: MOST_AT_ONCE });

/** What a command of a rule is run with. */
export interface CommandSetting {
  /** Variables on top of those of this process. */
  readonly variables: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** How a command ended; `problem` where it has not simply exited. */
export interface CommandEnd {
  readonly succeeded: boolean;
  readonly problem?: string | undefined;
}

/**
 * A command, one byte a character, as an argument of `sh -c`. Node's arguments are UTF-8; other bytes go in as octal
 * numbers, of which the shell makes the command.
 */
export function shellText(command: string): string {
  const bytes = Buffer.from(command, 'latin1');
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  const octal = Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`);
  return `eval "$(printf '${octal.join('')}')"`;
}

function start(
  command: string,
  { variables }: CommandSetting,
  stdio: StdioOptions,
): ReturnType<typeof spawn> {
  return spawn('/bin/sh', ['-c', shellText(command)], {
    stdio,
    env: { ...process.env, ...variables },
    // setsid(2): no terminal, so that none can hang it up, and a process group of its own
    detached: true,
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // all of the group have ended
  }
}

/**
 * Runs a command to its end, with /dev/null for input, output and errors; what it leaves in the background goes on. At
 * the end of its time the shell and its whole process group are killed. Never rejects.
 */
export async function runCommand(command: string, setting: CommandSetting): Promise<CommandEnd> {
  if (!(await turns.take(setting.timeoutMs)))
    return { succeeded: false, problem: 'too many commands are running' };
  return new Promise<CommandEnd>((done) => {
    const child = start(command, setting, 'ignore');
    let problem: string | undefined;
    const timer = setTimeout(() => {
      problem = `killed after ${setting.timeoutMs} ms`;
      killGroup(child.pid);
    }, setting.timeoutMs);
    const end = (ended: CommandEnd): void => {
      clearTimeout(timer);
      turns.give();
      done(ended);
    };
    child.once('error', (error) => end({ succeeded: false, problem: error.message }));
    child.once('exit', (code, signal) => {
      problem ??= signal === null ? undefined : `ended by ${signal}`;
      end({ succeeded: code === 0, problem });
    });
  });
}

/**
 * Starts a command that takes over a connection: its input, output and errors are the socket, which is no longer ours.
 * Resolves once it has begun; at the end of its time its process group is killed. Never rejects.
 */
export async function delegate(
  command: string,
  socket: NonNullable<Extract<StdioOptions, readonly unknown[]>[number]>,
  setting: CommandSetting,
): Promise<CommandEnd> {
  return new Promise((done) => {
    const child = start(command, setting, [socket, socket, socket]);
    const timer = setTimeout(() => killGroup(child.pid), setting.timeoutMs);
    timer.unref();
    child.once('exit', () => clearTimeout(timer));
    child.once('error', (error) => {
      clearTimeout(timer);
      done({ succeeded: false, problem: error.message });
    });
    child.once('spawn', () => done({ succeeded: true }));
  });
}
