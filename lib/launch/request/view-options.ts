// The options of the command that add to the view of a launch: what their words mean. Pure.
import type { Argument } from '../../values/command-option.ts';
import { toBytes } from '../../values/size.ts';
import { wrong } from '../../values/wrong.ts';
import type { View } from './isolation-value.ts';

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
  return ({ bytes, text }: Argument, before: Views = []): Views => {
    const colon = bytes.indexOf(0x3a);
    const bind = colon < 0 ? bytes : bytes.subarray(0, colon);
    const to = colon < 0 ? bytes : bytes.subarray(colon + 1);
    if (bind[0] === 0x2f && to[0] === 0x2f) return [...before, { bind, to, readOnly }];
    throw wrong({
      key: readOnly ? 'ro-bind' : 'bind',
      value: text,
      expected: 'SRC[:DEST] with absolute paths',
      example: '/srv/data:/data',
    });
  };
}

interface TmpfsOptions {
  size?: number | undefined;
  inodes?: number | undefined;
  mode?: number | undefined;
  noexec?: boolean;
}

// Sets the option of one word, as mount(8) has it. Returns whether there is such an option, and this is the first of its name.
function setOption(options: TmpfsOptions, word: string): boolean {
  const [name = '', value = ''] = word.split('=');
  // 0 would be no limit (tmpfs(5))
  const count = toBytes(value) || undefined;
  if (name === 'size' && options.size === undefined) return (options.size = count) !== undefined;
  if (name === 'nr_inodes' && options.inodes === undefined) return (options.inodes = count) !== undefined;
  if (name === 'mode' && options.mode === undefined && /^0*[0-7]{1,4}$/.test(value)) {
    options.mode = Number.parseInt(value, 8);
    return true;
  }
  if (word !== 'noexec' || options.noexec !== undefined) return false;
  return (options.noexec = true);
}

/** Adds DEST[:size=BYTES,nr_inodes=N,mode=MODE,noexec]. */
export function addTmpfs({ bytes, text }: Argument, before: Views = []): Views {
  const colon = bytes.lastIndexOf(0x3a);
  const tmpfs = colon < 0 ? bytes : bytes.subarray(0, colon);
  const options: TmpfsOptions = {};
  const words = colon < 0 ? [] : bytes.toString('utf8', colon + 1).split(',');
  if (words.every((word) => word === '' || setOption(options, word)))
    return [...before, { tmpfs, ...options } as View];
  throw wrong({
    key: 'tmpfs',
    value: text,
    expected: 'DEST[:size=BYTES,nr_inodes=N,mode=OCTAL,noexec], each once, size and nr_inodes from 1 on',
    example: '/tmp:size=64M,mode=1777',
  });
}
