// doc/services.md: its commands are run, and print what the page says.
import { readFileSync } from 'node:fs';

import t from 'tap';

import { packageDirectory } from '../../support/launch.ts';
import { bootMachine, unlessMachine, type Machine } from '../../support/machine.ts';

const skip = unlessMachine('curl', 'nginx', 'redis-server', 'redis-cli', 'sftp', 'socat');

/** A command of the page, and the lines that it shows after it. */
interface Command {
  readonly line: string;
  readonly shown: readonly string[];
}

/** A section of the page. */
interface Section {
  readonly title: string;
  readonly commands: readonly Command[];
  /** The file that the section lists in a fence, by the path that stands before it. */
  readonly file: { readonly path: string; readonly content: string } | undefined;
}

// A command is an indented line that begins with a root's prompt; one that ends in a backslash goes on in the next.
function readCommands(text: string): readonly Command[] {
  const lines = text
    .replaceAll('\\\n', '')
    .split('\n')
    .filter((line) => line.startsWith('    '))
    .map((line) => line.slice(4));
  const commands: { line: string; shown: string[] }[] = [];
  for (const line of lines) {
    if (line.startsWith('# ')) commands.push({ line: line.slice(2), shown: [] });
    else commands.at(-1)?.shown.push(line);
  }
  return commands;
}

function readSections(page: string): readonly Section[] {
  return page
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const [title = ''] = text.split('\n', 1);
      const [, path, content] = /`(\/\S+)`[^`]*```js\n(.*?)```/s.exec(text) ?? [];
      return {
        title,
        commands: readCommands(text.replace(/```.*?```/s, '')),
        file: path === undefined || content === undefined ? undefined : { path, content },
      };
    });
}

// `...` alone on a line stands for any lines, elsewhere for anything in its line.
function toPattern(shown: readonly string[]): RegExp {
  const lines = shown.map((line) =>
    line === '...'
      ? '(?:.*\n)*?'
      : `${line
          .split('...')
          .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
          .join('.*')}\n`,
  );
  return new RegExp(`^${lines.join('')}$`);
}

let machine: Machine;

t.before(async () => {
  if (skip !== false) return;
  machine = await bootMachine();
  // as npm install -g leaves them, and node where Debian has it
  machine.shell(`
    for name in uchroot uchroot-jail uchroot-service; do ln -s ${packageDirectory}/dist/bin/$name.cjs /usr/local/bin/$name; done
    [ -e /usr/bin/node ] || ln -s ${process.execPath} /usr/bin/node
  `);
});
t.teardown(async () => await machine?.stop());

const sections = readSections(readFileSync(`${packageDirectory}/doc/services.md`, 'utf8'));

t.test('the page has commands, and says what they print', async (t) => {
  const commands = sections.flatMap((section) => section.commands);
  t.ok(commands.length > 40);
  t.ok(commands.filter(({ shown }) => shown.length > 0).length > 25);
  t.equal(sections.filter(({ file }) => file !== undefined).length, 1);
});

for (const { title, commands, file } of sections.filter(({ commands }) => commands.length > 0)) {
  t.test(title, { skip }, async (t) => {
    if (file !== undefined) machine.run(['sh', '-c', 'cat >"$1"', 'sh', file.path], { input: file.content });
    for (const { line, shown } of commands) {
      // what an administrator sees on his terminal
      const { stdout, status } = machine.shell(`exec 2>&1; ${line}`);
      t.match(stdout, toPattern(shown), line);
      // 3 is the status of a service that does not run
      if (!line.startsWith('systemctl status')) t.equal(status, 0, `status of: ${line}`);
    }
  });
}
