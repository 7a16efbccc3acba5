// The options of the command that add to the view of a launch: what their words mean. Pure.
import { UsageError } from '../../errors.ts';
import type { Argument } from '../../values/command-option.ts';
import { quote } from '../../words/quote.ts';
import type { View } from './isolation-value.ts';
import { toSize } from './number-value.ts';

type Views = readonly View[];

/** Adds a view whose only word is a path in the jail. */
export function addPlace(kind: 'proc' | 'dev' | 'dir' | 'writable') {
  return ({ bytes }: Argument, before: Views = []): Views => [
    ...before,
    { [kind]: bytes } as unknown as View,
  ];
}

/** Adds SOURCE:DEST, or one path for both. */
export function addBind(readOnly: boolean) {
  return ({ bytes }: Argument, before: Views = []): Views => {
    const colon = bytes.indexOf(0x3a);
    const bind = colon < 0 ? bytes : bytes.subarray(0, colon);
    return [...before, { bind, to: colon < 0 ? bytes : bytes.subarray(colon + 1), readOnly }];
  };
}

/** Adds DEST[:size=BYTES,nr_inodes=N,mode=MODE,noexec]. */
export function addTmpfs({ bytes }: Argument, before: Views = []): Views {
  const colon = bytes.lastIndexOf(0x3a);
  const tmpfs = colon < 0 ? bytes : bytes.subarray(0, colon);
  const words = colon < 0 ? '' : bytes.toString('utf8', colon + 1);
  // mount(8) and fstab(5) have a comma before the options
  const comma = /^(.*?),((?:size|nr_inodes|mode)=.*|noexec)$/s.exec(tmpfs.toString());
  if (comma !== null) {
    const [, place = '', rest = ''] = comma;
    throw new UsageError(`--tmpfs takes DEST[:OPTIONS], not '${quote(bytes)}'`, {
      hint: `write ${quote(place)}:${quote(words === '' ? rest : `${rest},${words}`)}`,
    });
  }
  const options: { size?: number | undefined; inodes?: number | undefined; mode?: number; noexec?: boolean } =
    {};
  const seen = new Set<string>();
  for (const word of words === '' ? [] : words.split(',')) {
    const [name = '', value = ''] = word.split('=');
    if (seen.has(name))
      throw new UsageError(`--tmpfs ${quote(bytes)}: ${quote(name)} is given twice`, {
        hint: 'give it once',
      });
    seen.add(name);
    // 0 would be no limit (tmpfs(5))
    if (name === 'size') options.size = toSize(value, '--tmpfs size', 1);
    else if (name === 'nr_inodes') options.inodes = toSize(value, '--tmpfs nr_inodes', 1, ['8192', '8K']);
    else if (name === 'mode' && /^0*[0-7]{1,4}$/.test(value)) options.mode = Number.parseInt(value, 8);
    else if (word === 'noexec') options.noexec = true;
    else
      throw new UsageError(
        `--tmpfs knows size=BYTES, nr_inodes=N, mode=OCTAL and noexec, not '${quote(word)}'`,
        {
          hint: /^[0-9]+[kmgt]?$/i.test(word)
            ? `write size=${word}`
            : `for example --tmpfs /tmp:${name === 'mode' ? 'mode=1777' : (/\bsize=\w+/.exec(words)?.[0] ?? 'size=64M')}`,
        },
      );
  }
  return [...before, { tmpfs, ...options }];
}
