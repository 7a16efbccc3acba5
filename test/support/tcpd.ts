// Runs the command uchroot-tcpd as an administrator would.
import { packageDirectory, start } from './launch.ts';
import { Resident } from './resident.ts';
import { plainEnv } from './service.ts';

const resident = new Resident([], plainEnv());

/** Runs the command to its end, without the variables that the test runner sets; `run` in a process of its own. */
export function uchrootTcpd(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  if (!words.includes('run') && resident.takes(words))
    return resident.run('uchroot-tcpd', words, process.cwd());
  return start([process.execPath, `${packageDirectory}/dist/bin/uchroot-tcpd.cjs`, ...words], {
    env: plainEnv(),
    cwd: process.cwd(),
  });
}
