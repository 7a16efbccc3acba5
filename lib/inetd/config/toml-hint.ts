// Guesses what was meant by a line that is not valid TOML. Pure.

// A value as TOML writes it.
function valueOf(text: string): string {
  const plain = text.replaceAll(/^["'“”‘’]+|["'“”‘’]+$/g, '').trim();
  if (/^(?:true|yes|on)$/i.test(plain)) return 'true';
  if (/^(?:false|no|off)$/i.test(plain)) return 'false';
  if (/^(?:0|[1-9][0-9]*)$/.test(plain) || /^[[{]/.test(text)) return plain;
  const words = plain.split(',').map((word) => word.trim());
  if (words.length > 1 && words.every((word) => word !== '')) return `[${words.map(valueOf).join(', ')}]`;
  return JSON.stringify(plain);
}

/** The hint for a line, from its text and the parser's message. */
export function tomlHint(line: string, message: string): string {
  const [, header] = /^\s*\[+([^\]]*)\]*\s*$/.exec(line) ?? [];
  if (/redefine/.test(message))
    return header === undefined
      ? 'give each key of a table once'
      : `give each table a name of its own, such as [${header}-2]`;
  if (/end of structure/.test(message)) return 'close the list or table of the line before, with ] or }';
  if (header !== undefined) return `write [${header.trim().replaceAll(/[^\w.@+"'-]+/g, '-')}]`;
  const [, key = '', value = ''] = /^\s*([\w-]+)(?:\s*[:=]|\s)\s*(.*?)\s*$/.exec(line) ?? [];
  if (value === '') return 'write KEY = VALUE below [services.NAME], with a text in quotes';
  const right = valueOf(value);
  const isText = right.startsWith('"') && !/["'“”‘’]/.test(value) && /^\s*[\w-]+\s*=/.test(line);
  return isText ? `a text stands in quotes: ${key} = ${right}` : `write ${key} = ${right}`;
}
