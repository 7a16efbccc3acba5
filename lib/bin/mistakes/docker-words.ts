// What an option of docker(1) with its value is here, for the hint of an unknown option. Pure.
import { commandLine } from '../../words/shell-word.ts';

const isolated = (...words: readonly string[]): string => `write ${commandLine('--isolate', ...words)}`;

// SOURCE:DEST[:ro]
function volume(value: string): string | undefined {
  const [source = '', place = '', mode = ''] = value.split(':');
  if (source === '' || !place.startsWith('/')) return undefined;
  const option = /(?:^|,)ro(?:,|$)/.test(mode) ? '--ro-bind' : '--bind';
  if (source.startsWith('/')) return isolated(option, `${source}:${place}`);
  const relative = /^\.\/*(.*)$/.exec(source)?.[1];
  return relative === undefined
    ? `write ${commandLine('--isolate', option, `/srv/${source}:${place}`)}: a volume is a directory of the host`
    : `write --isolate ${option} "$PWD/${relative}:${place}"`;
}

// type=bind,src=SOURCE,dst=DEST
function mount(value: string): string | undefined {
  const fields = new Map(
    value.split(',').map((field) => {
      const [, name = field, text = ''] = /^([^=]+)=(.*)$/s.exec(field) ?? [];
      return [name, text];
    }),
  );
  const [source, place] = [
    ['src', 'source'],
    ['dst', 'destination', 'target'],
  ].map((names) => names.map((name) => fields.get(name)).find((text) => text !== undefined));
  if (place === undefined) return undefined;
  if (fields.get('type') === 'tmpfs') return isolated('--tmpfs', place);
  const isReadOnly = ['ro', 'readonly'].some((name) => fields.has(name) && fields.get(name) !== 'false');
  return source === undefined ? undefined : volume(`${source}:${place}${isReadOnly ? ':ro' : ''}`);
}

/** The hint for an unknown option, if its value says more than its name. @param wrong the option */
export function dockerHint(words: readonly string[], wrong: string): string | undefined {
  const at = words.findIndex((word) => word === wrong || word.startsWith(`${wrong}=`));
  const inline = words[at]?.slice(wrong.length + 1) ?? '';
  const value = inline === '' ? (words[at + 1] ?? '') : inline;
  if (wrong === '-v' || wrong === '--volume') return volume(value);
  if (wrong === '--mount') return mount(value);
  if ((wrong === '-e' || wrong === '--env') && /^\w+$/.test(value)) return `write --pass-env ${value}`;
  // -h alone is --help
  const isName = /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(value) && words.length > at + 3;
  return wrong === '-h' && isName ? isolated('--hostname', value) : undefined;
}
