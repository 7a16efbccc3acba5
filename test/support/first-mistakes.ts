// Commands with a mistake, run as a user runs them, who then follows the hint as it is printed.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { patientMs } from './patience.ts';
import './plain-spawn.ts';
import { packageDirectory, searchPath, temporaryDirectory } from './launch.ts';
import { Resident } from './resident.ts';
import { unlessRoot } from './root.ts';
import { sanitizerEnv } from './sanitizer.ts';

/**
 * A command line with a mistake; what the message says, with the wrong word in brackets if the hint is a word for it; and what
 * else is needed.
 */
export type Mistake = readonly [line: string, says: RegExp, more?: More];

/** The command line that follows a hint. */
export type Follow = (line: string, hint: string) => string;

/** The words of a hint that `match` finds, in place of the wrong ones. */
export const found =
  (wrong: string, match: RegExp): Follow =>
  (line, hint) =>
    line.replace(wrong, match.exec(hint)?.[0] ?? 'false');

interface More {
  /** Shell commands that come before, in the directory of this mistake. */
  readonly before?: string;
  /** The command line that follows a hint in words. */
  readonly after?: Follow;
  /** Exit statuses of the right command; 0 if left out. */
  readonly right?: readonly number[];
}

interface Ran {
  readonly status: number | null;
  readonly stderr: string;
}

const accounts = {
  passwd: `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
sal:x:39:39:a service:/nonexistent:/usr/sbin/nologin
sam:x:1001:1001:Sam:/srv/home/sam:/bin/sh
`,
  group: 'root:x:0:\nnogroup:x:65534:\nsam:x:1001:\naudio:x:29:\nvideo:x:44:\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
};

// A mount namespace of its own: /srv is empty, and the host has a few accounts.
const hostScript = `
for name in passwd group nsswitch.conf; do mount --bind "$0/$name" "/etc/$name" || exit 99; done
mount -t tmpfs -o mode=0755 tmpfs /srv || exit 99
echo ready
read -r _`;

// A line that a shell would only split into words, with a command that starts no program in its place and no service.
const alone =
  /^(uchroot-jail|uchroot-service|uchroot-tcpd(?! run)|uchroot-inetd(?= check ))((?: [\w./,:=@%-]+)*)$/;

/** A host for people who make mistakes: /srv/jail is a jail with a shell, ls, env and id. */
class Beginner {
  readonly #by: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #resident: Resident;
  #rows = 0;

  constructor(holder: ChildProcess, path: string) {
    this.#by = ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`];
    this.#env = { PATH: path, ...sanitizerEnv };
    this.#resident = new Resident(this.#by, this.#env);
  }

  /** A directory of its own below /srv, with a copy of the jail. */
  async newPlace(): Promise<string> {
    const place = `/srv/row${++this.#rows}`;
    const { status, stderr } = await this.run(`mkdir ${place} && cp -a /srv/jail ${place}/jail`, '/');
    if (status !== 0) throw new Error(stderr);
    return place;
  }

  /** Runs a line of a shell. */
  run(line: string, cwd: string): Promise<Ran> {
    const [, program, words = ''] = alone.exec(line.replaceAll('$PWD', cwd)) ?? [];
    const args = words.split(' ').filter((word) => word !== '');
    if (program !== undefined && this.#resident.takes(args))
      return Promise.resolve(this.#resident.run(program, args, cwd));
    const [file = '', ...by] = this.#by;
    return new Promise((resolve, reject) => {
      const child = spawn(file, [...by, 'sh', '-c', `cd ${cwd} || exit 99\n${line}`], {
        env: this.#env,
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: patientMs(60_000),
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (status) => resolve({ status, stderr }));
    });
  }
}

/** Starts that host, until the test file ends. */
async function newBeginner(): Promise<Beginner> {
  const directory = temporaryDirectory();
  for (const [name, text] of Object.entries(accounts)) writeFileSync(`${directory}/${name}`, text);
  mkdirSync(`${directory}/bin`);
  for (const name of ['uchroot', 'uchroot-jail', 'uchroot-tcpd', 'uchroot-inetd', 'uchroot-service'])
    symlinkSync(`${packageDirectory}/dist/bin/${name}.cjs`, `${directory}/bin/${name}`);
  symlinkSync(process.execPath, `${directory}/bin/node`);
  const words = ['--mount', '--propagation', 'private', 'sh', '-c', hostScript, directory];
  const holder = spawn('unshare', words, { env: { PATH: searchPath }, stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => holder.stdin.end());
  await new Promise((resolve, reject) => {
    holder.stdout.once('data', resolve);
    holder.once('exit', (status) => reject(new Error(`unshare: status ${status}`)));
  });
  const beginner = new Beginner(holder, `${directory}/bin:${searchPath}`);
  const { status, stderr } = await beginner.run(
    'mkdir -p /srv/home/sam && chown sam: /srv/home/sam && uchroot-jail build /srv/jail /bin/sh /bin/ls /usr/bin/env /usr/bin/id',
    '/',
  );
  if (status !== 0) throw new Error(stderr);
  return beginner;
}

const commands = /^(uchroot(-jail|-tcpd|-inetd|-service)? |mkdir -p |chmod |chown |sed -i )/;

/** The line that follows a hint: the hint itself if it is a command, else the line with the words that the hint gives. */
function follow(line: string, wrong: string, hint: string, after?: More['after']): string {
  if (after !== undefined) return after(line, hint);
  if (commands.test(hint)) return hint;
  const [, option, value] = /^(?:for example|did you mean) (--[\w-]+) (.+?)\??$/.exec(hint) ?? [];
  if (option !== undefined)
    return line.replace(new RegExp(`${option}[ =](?:"[^"]*"|'[^']*'|\\S+)`), () => `${option} ${value}`);
  const [, missing] = /^give (.*) too$/.exec(hint) ?? [];
  if (missing !== undefined) return line.replace(' ', ` ${missing} `);
  const forms = [
    /^did you mean (.*)\?$/,
    /^write (.*)$/,
    /^for example (.*)$/,
    /^give (?:the path in the jail|a directory): (.*)$/,
  ];
  const plain = hint.replace(/[;:] (?:a port|arguments) .*$/, '');
  const right = forms.map((form) => form.exec(plain)?.[1]).find((word) => word !== undefined);
  if (right === undefined && !hint.startsWith('leave it out'))
    throw new Error(`no way to follow the hint: ${hint}`);
  if (wrong === '' || !line.includes(wrong)) throw new Error(`the message names no wrong word of ${line}`);
  return line.replace(wrong, right ?? '');
}

/** Waits for all, at most `most` at a time. */
async function inTurn<T>(items: readonly T[], most: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: most }, worker));
}

/** Makes a mistake in a directory of its own, and follows its hint: the message names the cause, and then the mistake is gone. */
async function tryMistake(t: Test, beginner: Beginner, [line, says, more = {}]: Mistake): Promise<void> {
  const place = await beginner.newPlace();
  if (more.before !== undefined) t.match(await beginner.run(more.before, place), { status: 0 }, more.before);
  const { status, stderr } = await beginner.run(line, place);
  const [message = ''] = stderr.split('\n');
  t.ok(status !== 0 && says.test(stderr), `${line}: the message names the cause: ${stderr}`);
  const [, hint] = /^hint: (.*)$/m.exec(stderr) ?? [];
  if (hint === undefined) return void t.fail(`${line}: no hint: ${stderr}`);
  try {
    const right = follow(line, says.exec(stderr)?.[1] ?? '', hint, more.after);
    const isRemedy = !/^uchroot(-\w+)? /.test(right) && right === hint;
    const followed = await beginner.run(right, place);
    const isFirstStep =
      followed.status === 0 && (isRemedy || hint.startsWith('uchroot-jail build')) && right === hint;
    const last = isFirstStep && line.startsWith('uchroot ') ? await beginner.run(line, place) : followed;
    t.ok(
      (more.right ?? [0]).includes(last.status ?? -1),
      `${line}: "${hint}" helps: ${right}: ${last.stderr}`,
    );
    t.notOk(last.stderr.startsWith(message), `${line}: the mistake is gone`);
  } catch (error) {
    t.fail(`${line}: ${String(error)}`);
  }
}

/** The test of a list of mistakes, whose rows need these tools. */
export function testMistakes(all: readonly Mistake[], ...tools: readonly string[]): void {
  t.test(
    `each of ${all.length} first mistakes names its cause, and its hint is the remedy`,
    { skip: unlessRoot('unshare', 'nsenter', ...tools) },
    async (t) => {
      const beginner = await newBeginner();
      await inTurn(all, 4, (mistake) => tryMistake(t, beginner, mistake));
    },
  );
}
