// Runs commands of rules with /bin/sh: without a terminal, with a time limit, and only so many at once.

import { environmentWith, type PlainProcess, startPlain } from '../../launch/start/host-program.ts';
import { Semaphore } from '../../values/semaphore.ts';

/** Any number of clients can trigger a command, and one client any number of times. */
const commands = new Semaphore({ most: 64, share: 16, waiting: 256 });

/** A twist lasts as long as its client likes, so none waits for a permit. */
const twists = new Semaphore({ most: 512, share: 64, waiting: 0 });

/** How a command ended; `problem` if it did not just exit. */
export interface CommandEnd {
  readonly succeeded: boolean;
  readonly problem?: string | undefined;
}

const SHELL = Buffer.from('/bin/sh');
const NULL = -1;
const TOO_MANY: CommandEnd = { succeeded: false, problem: 'too many commands are running' };

interface Setting {
  /** Besides the variables of this process. */
  readonly variables: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

function start(command: string, { variables }: Setting, fd: number): PlainProcess {
  const env = environmentWith(variables);
  return startPlain({ program: SHELL, argv: shellArguments(command), env, stdio: [fd, fd, fd] });
}

function failed(problem: string | undefined, error: unknown): CommandEnd {
  return { succeeded: false, problem: problem ?? `/bin/sh cannot be started: ${(error as Error).message}` };
}

/** The argv of the shell; a command has one byte a character. */
export function shellArguments(command: string): readonly Buffer[] {
  return [Buffer.from('sh'), Buffer.from('-c'), Buffer.from(command, 'latin1')];
}

/**
 * Runs a command to its end, with /dev/null as stdin, stdout and stderr; it counts against the client's share. When the
 * time is over, its process group is killed; what it left in the background goes on. Never rejects.
 */
export async function runCommand(command: string, client: string, setting: Setting): Promise<CommandEnd> {
  const { timeoutMs } = setting;
  if (!(await commands.acquire(timeoutMs, client))) return TOO_MANY;
  const child = start(command, setting, NULL);
  let problem: string | undefined;
  const timer = setTimeout(() => {
    problem = `killed after ${timeoutMs} ms`;
    child.killGroup();
  }, timeoutMs);
  try {
    await child.started;
    const { exitCode, signal } = await child.ended;
    problem ??= signal === null ? undefined : `ended by ${signal}`;
    return { succeeded: exitCode === 0, problem };
  } catch (error) {
    return failed(problem, error);
  } finally {
    clearTimeout(timer);
    commands.release(client);
  }
}

/**
 * Starts a command with copies of a connection as stdin, stdout and stderr, and resolves once it runs. When the time is
 * over, its process group is killed. Never rejects.
 */
export async function delegate(
  command: string,
  { fd, client }: { readonly fd: number; readonly client: string },
  setting: Setting,
): Promise<CommandEnd> {
  if (!(await twists.acquire(setting.timeoutMs, client))) return TOO_MANY;
  const child = start(command, setting, fd);
  const timer = setTimeout(child.killGroup, setting.timeoutMs);
  timer.unref();
  const end = (): void => {
    clearTimeout(timer);
    twists.release(client);
  };
  try {
    await child.started;
    void child.ended.then(end);
    return { succeeded: true };
  } catch (error) {
    end();
    return failed(undefined, error);
  }
}
