// Jails of an ordinary user, in a home of his own.

import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

import tap, { type Test } from 'tap';

import { makeDirectory } from '../directory.ts';
import { uchrootJail } from '../builder.ts';
import { commandEnv, publicCommand, start, type Ended } from '../launch.ts';
import { give } from '../ordinary.ts';
import { Resident } from '../resident.ts';

export interface Own {
  /** A directory of root's; the home lies in it. */
  readonly base: string;
  readonly home: string;
  readonly jail: string;
  /** Runs uchroot-jail, and uchroot --rootless. */
  readonly make: (...words: readonly string[]) => Ended;
  readonly launch: (...words: readonly string[]) => Ended;
  /** Runs any command of the package that starts no program, in the home. */
  readonly run: (line: string) => Ended;
}

export const done = { status: 0, signal: null };

/** Only one file at a time may have processes of this uid. */
export function ordinaryUser(uid: number) {
  const isRoot = process.getuid?.() === 0;
  const by = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  const jailWords = isRoot ? publicCommand('uchroot-jail') : [];
  const launchWords = isRoot ? publicCommand() : [];
  const resident = new Resident(by, commandEnv, dirname(jailWords[1] ?? ''));

  function own(t: Test): Own {
    const base = makeDirectory(t);
    const home = `${base}/home`;
    mkdirSync(home);
    chmodSync(home, 0o700);
    give(home, uid);
    const env = { HOME: home };
    return {
      base,
      home,
      jail: `${home}/jail`,
      make: (...words) =>
        resident.takes(words)
          ? resident.run('uchroot-jail', words, '/', env)
          : start([...jailWords, ...words], { by, env }),
      launch: (...words) => start([...launchWords, '--rootless', ...words], { by, env }),
      run: (line) => {
        const [program = '', ...words] = line.split(' ');
        if (program !== 'uchroot' && resident.takes(words)) return resident.run(program, words, home, env);
        const script = `${dirname(jailWords[1] ?? '')}/${program}.cjs`;
        return start([process.execPath, script, ...words], { by, env, cwd: home });
      },
    };
  }

  let template: Own | undefined;

  /** A place with a copy of a jail of bash and ls that the user has built. */
  function built(t: Test): Own {
    if (template === undefined) {
      template = own(tap);
      const ended = template.make('build', template.jail, 'bash', 'ls');
      t.match(ended, done, ended.stderr);
    }
    const place = own(t);
    start(['cp', '-a', template.jail, place.jail]);
    return place;
  }

  let rootsTemplate: string | undefined;

  /** The same jail as root builds it. */
  function builtByRoot(place: Own): string {
    if (rootsTemplate === undefined) {
      rootsTemplate = `${makeDirectory(tap)}/root`;
      const ended = uchrootJail(['build', rootsTemplate, 'bash', 'ls']);
      if (ended.status !== 0) throw new Error(ended.stderr);
    }
    const jail = `${place.base}/root`;
    start(['cp', '-a', rootsTemplate, jail]);
    return jail;
  }

  return { by, jailWords, launchWords, own, built, builtByRoot };
}

/** The owners of all entries of a tree. */
export function ownersIn(directory: string): readonly string[] {
  const { stdout } = start(['find', directory, '-printf', '%U:%G\n']);
  return [...new Set(stdout.trim().split('\n'))];
}
