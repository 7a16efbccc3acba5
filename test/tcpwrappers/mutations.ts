// Mistakes that the differential test has to find.

/** A mistake: a text in a compiled file, and what stands in its place. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Occurs once in the compiled file. */
  readonly from: string;
  readonly to: string;
  /** Of the two ways to find a rule, the one that it spoils; the simple one by default. */
  readonly search?: 'compiled';
}

export const mutations: readonly Mutation[] = [
  {
    name: 'EXCEPT in capitals only',
    file: 'list',
    from: "word.toUpperCase() === 'EXCEPT'",
    to: "word === 'EXCEPT'",
  },
  {
    name: 'a second EXCEPT excepts from the first list',
    file: 'match',
    from: 'isMatch = !isMatch;',
    to: 'if (isMatch) return false; isMatch = true;',
  },
  { name: 'commas do not separate', file: 'list', from: '/[^, \\t\\r\\n]+/g', to: '/[^ \\t\\r\\n]+/g' },
  {
    name: 'words are cut at an @ anywhere',
    file: 'list',
    from: "findOutside(word, '@', 1)",
    to: "findOutside(word, '@', 0)",
  },
  {
    name: 'ports are names',
    file: 'list',
    from: 'port <= 65535',
    to: 'port < 0',
  },
  {
    name: 'the user is not looked at',
    file: 'match',
    from: 'answer !== true || user === undefined',
    to: 'true',
  },
  {
    name: '.domain matches domain',
    file: 'text',
    from: 'value.length > pattern.text.length && value.endsWith(pattern.text)',
    to: '`.${value}`.endsWith(pattern.text)',
  },
  { name: 'prefixes are literal', file: 'text', from: "text.endsWith('.')", to: "text.endsWith('..')" },
  {
    name: 'two stars are as one',
    file: 'glob',
    from: 'next - first > 1 && at === value.length',
    to: 'false',
  },
  { name: 'case counts', file: 'fold', from: 'if (!hasUpper)', to: 'if (true)' },
  {
    name: 'KNOWN takes paranoid for a name',
    file: 'request',
    from: 'foldedName !== UNKNOWN && foldedName !== PARANOID',
    to: 'foldedName !== UNKNOWN',
  },
  {
    name: 'KNOWN does not mind the address',
    file: 'match',
    from: 'host.folded !== UNKNOWN && isKnownName',
    to: 'isKnownName',
  },
  {
    name: 'LOCAL takes any name without a dot',
    file: 'match',
    from: "!host.foldedName.includes('.') && isKnownName(host.foldedName)",
    to: "!host.foldedName.includes('.')",
  },
  {
    name: 'numbers are tried on names',
    file: 'host',
    from: 'addressOnly: /^[0-9./]*$/.test(word)',
    to: 'addressOnly: false',
  },
  {
    name: 'host bits are masked away',
    file: 'host',
    from: "if ((net & ~mask) !== 0)\n        return never('host-bits');\n    return { kind: 'net4', net, mask };",
    to: "return { kind: 'net4', net: (net & mask) >>> 0, mask };",
  },
  {
    name: '/0 of an IPv4 network is everybody',
    file: 'host',
    from: 'length < 1 || length > 32',
    to: 'length < 0 || length > 32',
  },
  {
    name: 'the host bits of an IPv6 network count',
    file: 'host',
    from: 'networkWords(net.words, length), length',
    to: 'networkWords(net.words, 128), length',
  },
  {
    name: 'octal is decimal',
    file: 'address',
    from: 'Number.parseInt(part, 8)',
    to: 'Number.parseInt(part, 10)',
  },
  {
    name: 'mapped addresses are not unmapped',
    file: 'address',
    from: 'return parseQuad(quad) === undefined ? address : quad;',
    to: 'return address;',
  },
  {
    name: 'zones are not looked at',
    file: 'address',
    from: 'hasNamedZone(words) ? { words, zone } : undefined',
    to: '{ words }',
  },
  { name: 'brackets do not protect', file: 'field', from: "character === '['", to: 'false' },
  {
    name: 'lines may be a byte longer',
    file: 'line',
    from: 'MAX_LINE_BYTES = 2047',
    to: 'MAX_LINE_BYTES = 2048',
  },
  {
    name: 'a backslash joins nothing',
    file: 'line',
    from: "text[newline - 1] !== '\\\\'",
    to: 'true',
  },
  {
    name: 'a blank before # makes a comment',
    file: 'parse',
    from: "text.startsWith('#') || ",
    to: "text.trimStart().startsWith('#') || ",
  },
  {
    name: 'a last line without newline counts',
    file: 'parse',
    from: "this.options.compat === 'libwrap')",
    to: 'false)',
  },
  {
    name: 'commas separate the words of a file',
    file: 'pattern-file',
    from: '/[^ \\t-\\r]+/g',
    to: '/[^, \\t-\\r]+/g',
  },
  {
    name: 'an option takes any number of =',
    file: 'options',
    from: '[ \\t\\r\\n]*=?/',
    to: '[ \\t\\r\\n]*=*/',
  },
  {
    name: 'allow and deny need not be last',
    file: 'options',
    from: 'keyword.isLast === true && !isAtEnd',
    to: 'false',
  },
  {
    name: 'colons are not protected in options',
    file: 'options',
    from: "line[end - 1] === '\\\\'",
    to: 'false',
  },
  {
    name: 'umask is decimal',
    file: 'options',
    from: 'scanUnsigned(value, 8)',
    to: 'scanUnsigned(value, 10)',
  },
  { name: 'a shell may see semicolons', file: 'expand', from: '!@%', to: '!@;%' },
  {
    name: '%h looks the name up',
    file: 'expand',
    from: "case 'h':\n            return nameOrAddress(request.client);",
    to: "case 'h':\n            return yield* nameOf(request.client);",
  },
  {
    name: 'the user is not told before it is known',
    file: 'expand',
    from: 'request.foldedUser === UNKNOWN',
    to: 'false',
  },
  {
    name: 'no rule in hosts.allow refuses',
    file: 'decide',
    from: 'outcome.verdict ?? verdict',
    to: 'verdict',
  },
  {
    name: 'the last rule of a list comes first',
    file: 'compile',
    from: 'next = Math.min(next, ids[head] ?? Infinity)',
    to: 'next = Math.min(next, ids.at(-1) > last ? ids.at(-1) : Infinity)',
    search: 'compiled',
  },
  {
    name: 'names are not asked for',
    file: 'host-index',
    from: 'found.push(this.#named)',
    to: 'void 0',
    search: 'compiled',
  },
  {
    name: 'rules behind a daemon that cannot be told yet',
    file: 'compile',
    from: 'id < stopAt',
    to: 'id < Infinity',
    search: 'compiled',
  },
  {
    name: 'only the longest suffix is tried',
    file: 'text-index',
    from: "dot = value.indexOf('.', dot + 1))\n                collectFrom(this.#suffixes",
    to: 'dot = -1)\n                collectFrom(this.#suffixes',
    search: 'compiled',
  },
];
