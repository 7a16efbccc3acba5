// Programs that a program may want besides what its jail gets, each rule on the smallest system that shows it.

import t from 'tap';

import { elfWithStrings, type MadeSystem } from '../../support/jail/debian.ts';
import { chooseFrom, paths } from '../../support/jail/systems.ts';

t.test(
  'a recommended package comes along if a program names its data, its programs are suggested',
  async (t) => {
    const system: MadeSystem = {
      packages: {
        zip: {
          control: 'Recommends: unzip, fortunes, unused',
          files: { '/usr/bin/zip': elfWithStrings('unzip', '/usr/share/games/fortunes') },
        },
        unzip: { files: { '/usr/bin/unzip': elfWithStrings() } },
        fortunes: { files: { '/usr/share/games/fortunes/literature': '' } },
        unused: { files: { '/usr/share/unused/data': '' } },
      },
    };
    const choice = chooseFrom(system, '/usr/bin/zip');
    t.same(paths(choice), ['/usr/bin/zip', '/usr/share/games/fortunes/literature']);
    t.same(choice.suggested, [{ path: '/usr/bin/unzip', by: '/usr/bin/zip' }]);
  },
);

t.test(
  'a command that no package declares is suggested: before an option, or in a variable of a script',
  async (t) => {
    const program = (name: string) => ({ files: { [`/usr/bin/${name}`]: elfWithStrings() } });
    const system: MadeSystem = {
      packages: {
        bison: {
          files: {
            '/usr/bin/bison': elfWithStrings('tool.xsltproc', '-o', 'page to convert', '--page', 'node', 'x'),
          },
        },
        R: {
          files: {
            '/usr/bin/R': '#!/bin/sh\nMAKE=${MAKE-make}\n  func_find_tool M4 gm4 gnum4 m4\nOF=file\nsed x\n',
          },
        },
        other: { files: { '/usr/bin/other': elfWithStrings('xsltproc', '-o') } },
        git: {
          files: {
            '/usr/bin/git': elfWithStrings(
              'share/man',
              '--info-path',
              '--cleanup=strip',
              '--no-edit',
              'service',
              '--http-backend',
              '/usr/bin/file',
              '-b',
            ),
          },
        },
        'init-system-helpers': { control: 'Essential: yes', files: { '/usr/sbin/service': '#!/bin/sh\n' } },
        ...Object.fromEntries(
          ['xsltproc', 'convert', 'node', 'make', 'm4', 'file', 'man', 'strip'].map((name) => [
            name,
            program(name),
          ]),
        ),
      },
    };
    const suggestedBy = (path: string) =>
      chooseFrom(system, path)
        .suggested.map((one) => one.path as string)
        .toSorted();
    t.same(suggestedBy('/usr/bin/bison'), ['/usr/bin/xsltproc']);
    t.same(
      suggestedBy('/usr/bin/git'),
      ['/usr/bin/file'],
      'no end of an option or a path, and nothing of init',
    );
    t.same(suggestedBy('/usr/bin/R'), ['/usr/bin/m4', '/usr/bin/make']);
    t.notOk(paths(chooseFrom(system, '/usr/bin/bison')).includes('/usr/bin/xsltproc'));
  },
);

t.test(
  'a script gets the basic tool that it starts, and another program that it or its modules start is suggested',
  async (t) => {
    const system: MadeSystem = {
      packages: {
        diffutils: {
          control: 'Essential: yes',
          files: { '/usr/bin/diff': elfWithStrings(), '/usr/bin/cmp': elfWithStrings() },
        },
        colordiff: {
          files: {
            '/usr/bin/colordiff': '#!/usr/bin/perl\nmy $diff_cmd = "diff";\nsystem("wget", $url);\n',
            '/usr/share/colordiff/Color.pm': 'open3("curl -s x");\n print("file", 1);\nexec("cmp");\n',
          },
        },
        ...Object.fromEntries(
          ['wget', 'curl', 'file'].map((name) => [
            name,
            { files: { [`/usr/bin/${name}`]: elfWithStrings() } },
          ]),
        ),
      },
    };
    const choice = chooseFrom(system, '/usr/bin/colordiff');
    t.ok(paths(choice).includes('/usr/bin/diff'));
    t.notOk(paths(choice).includes('/usr/bin/cmp'));
    t.same(choice.suggested.map(({ path }) => path as string).toSorted(), ['/usr/bin/curl', '/usr/bin/wget']);
  },
);
