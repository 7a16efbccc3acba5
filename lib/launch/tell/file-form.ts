// Recognizes files that no Linux executes, by their first bytes and their names. Pure.

/** What it is, and what to do with it. */
export interface FileForm {
  readonly message: string;
  readonly hint: string;
}

const forms: readonly (readonly [begins: RegExp, message: string, hint: string])[] = [
  [/^MZ/, 'a program for Windows', 'give one that is built for Linux'],
  [
    /^(?:\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe\0\0\0[\x01-\x1f])/,
    'a program for macOS',
    'give one that is built for Linux',
  ],
  [/^\xca\xfe\xba\xbe/, 'a class of Java', 'start java with it: uchroot USER DIRECTORY /usr/bin/java NAME'],
  [
    /^PK\x03\x04/,
    'an archive (zip or jar)',
    'unpack it; a jar is started by java: uchroot USER DIRECTORY /usr/bin/java -jar FILE',
  ],
  [/^(?:\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd)/, 'a compressed file', 'unpack it first'],
  [/^!<arch>/, 'an archive (a package or a static library)', 'give a program that is in it'],
  [
    /^\s*<(?:!doctype|html|\?xml)/i,
    'a page of HTML or XML, as a failed download leaves it',
    'copy it again from where it came',
  ],
];

const interpreters: Readonly<Record<string, string>> = {
  py: '/usr/bin/python3',
  pl: '/usr/bin/perl',
  rb: '/usr/bin/ruby',
  js: '/usr/bin/node',
  mjs: '/usr/bin/node',
  php: '/usr/bin/php',
  bash: '/bin/bash',
};

/** The form of a file that is neither an ELF program nor a script with a `#!` line. */
export function formOf(head: Uint8Array): FileForm | undefined {
  const text = Buffer.from(head).toString('latin1');
  const found = forms.find(([begins]) => begins.test(text));
  return found && { message: found[1], hint: found[2] };
}

/** The `#!` line that a script of this name most likely needs. */
export function shebangFor(path: string, shell: string): string {
  const [, ending = ''] = /\.(\w+)$/.exec(path) ?? [];
  return `#!${interpreters[ending] ?? shell}`;
}
