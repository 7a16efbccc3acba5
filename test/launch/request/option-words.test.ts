// What a command says about a wrong value: --oom-score-adj 1001 spoke of oomScoreAdj, the key of the library.
import t from 'tap';

import { UsageError } from '../../../lib/errors.ts';
import { optionsOf } from '../../../lib/launch/request/option-row.ts';
import { inOptionWords } from '../../../lib/launch/request/option-words.ts';
import { launchRows, normalize } from '../../../lib/launch/request/request.ts';
import { keysOfWords } from '../../support/launch/command-words.ts';

const known = optionsOf(launchRows);

function told(...words: readonly string[]): UsageError | undefined {
  try {
    normalize({ user: 'sam', jail: '/srv/jail', ...keysOfWords(...words) });
  } catch (error) {
    if (error instanceof UsageError) return inOptionWords(error, known);
    throw error;
  }
  return undefined;
}

t.test('a wrong value is told with the name of its option', async (t) => {
  for (const [words, message, hint] of [
    [
      ['--oom-score-adj', '1001'],
      '--oom-score-adj must be a whole number from 0 to 1000, not 1001',
      'for example 1000',
    ],
    [
      ['--cpu', '0'],
      '--cpu must be a number of CPUs from 0.01 to 8192, such as 1.5, not 0',
      'write --cpu 1.5',
    ],
    [
      ['--affinity', '9999'],
      '--affinity must be numbers of CPUs from 0 to 8191, such as 0,1',
      'write --affinity 0',
    ],
    [
      ['--net', 'none'],
      '--net is for isolate',
      'give --isolate, or for a network of its own alone: --unshare net',
    ],
    [['--isolate', '--bind', ':/mnt'], "SOURCE of a bind must be an absolute path, not ''", undefined],
    [['--isolate', '--tmpfs', 'sam'], '--tmpfs must be an absolute path, not sam', 'write --tmpfs /tmp'],
    [
      ['--keep-env', '--pass-env', 'A'],
      '--keep-env and --pass-env are given at once: --keep-env passes all variables but dangerous ones',
      'leave --keep-env or --pass-env out',
    ],
  ] as const) {
    const error = told(...words);
    t.equal(error?.message, message);
    if (hint !== undefined) t.equal(error?.hint, hint);
  }
});

t.test('no option speaks of a key of the library', async (t) => {
  const values =
    '1001 -1 0 x 70000 3000000000 99999999999999999999 a:b / a,b 1.5 a=b = .. /x:size=0 null NaN 64X 5-1';
  const camelCase = Object.keys(launchRows).filter((key) => /[A-Z]/.test(key));
  for (const [key, option] of known) {
    if (option.metavar === undefined) continue;
    for (const value of ['', ' ', ...values.split(' ')]) {
      const { message = '', hint = '' } = told(`--${option.name}=${value}`) ?? {};
      const spoken = camelCase.find((key) => `${message} ${hint}`.includes(key));
      t.equal(spoken, undefined, `--${option.name}=${value}: ${message}: ${hint}`);
      t.notMatch(message, new RegExp(`^${key}( must| is|:)`), `--${option.name}=${value}`);
    }
  }
});
