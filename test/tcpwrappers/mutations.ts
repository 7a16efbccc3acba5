// Mistakes that the differential test has to find.

/** A mistake: what stands once in a compiled file of lib/tcpwrappers, and what in its place is wrong. */
export type Mutation = readonly [name: string, file: string, from: string, to: string];

/** Mistakes in reading and in deciding. */
export const mutations: readonly Mutation[] = [
  // lists
  ['EXCEPT in capitals only', 'list', "word.toUpperCase() === 'EXCEPT'", "word === 'EXCEPT'"],
  [
    'a second EXCEPT is as the first',
    'match',
    'isMatch = !isMatch;',
    'if (isMatch) return false; isMatch = true;',
  ],
  ['commas do not separate', 'list', '/[^, \\t\\r\\n]+/g', '/[^ \\t\\r\\n]+/g'],
  ['words are cut at an @ anywhere', 'list', "findOutside(word, '@', 1)", "findOutside(word, '@', 0)"],
  ['ports are names', 'list', 'port <= 65535', 'port < 0'],
  ['commas separate the words of a file', 'pattern-file', '/[^ \\t-\\r]+/g', '/[^, \\t-\\r]+/g'],
  // words
  ['the user is not looked at', 'match', 'answer !== true || user === undefined', 'true'],
  ['.domain matches domain', 'text', 'value.length > pattern.text.length && value.', '`.${value}`.'],
  ['prefixes are literal', 'text', "text.endsWith('.')", "text.endsWith('..')"],
  ['two stars are as one', 'glob', 'next - first > 1 && at === value.length', 'false'],
  ['case counts', 'fold', 'if (!hasUpper)', 'if (true)'],
  ['KNOWN takes paranoid for a name', 'request', ' && foldedName !== PARANOID', ''],
  ['KNOWN does not mind the address', 'match', 'host.folded !== UNKNOWN && isKnownName', 'isKnownName'],
  [
    'LOCAL takes unknown for a name',
    'match',
    "includes('.') && isKnownName(host.foldedName)",
    "includes('.')",
  ],
  ['numbers are tried on names', 'host', 'addressOnly: /^[0-9./]*$/.test(word)', 'addressOnly: false'],
  // networks
  [
    'host bits are masked away',
    'host',
    "if ((net & ~mask) !== 0)\n        return never('host-bits');\n    return { kind: 'net4', net, mask };",
    "return { kind: 'net4', net: (net & mask) >>> 0, mask };",
  ],
  ['/0 of an IPv4 network is everybody', 'host', 'length < 1 || length > 32', 'length < 0 || length > 32'],
  [
    'host bits of IPv6 count',
    'host',
    'networkWords(net.words, length), length',
    'networkWords(net.words, 128), length',
  ],
  ['octal is decimal', 'address', 'Number.parseInt(part, 8)', 'Number.parseInt(part, 10)'],
  [
    'mapped addresses are not unmapped',
    'address',
    'return parseQuad(quad) === undefined ? address : quad;',
    'return address;',
  ],
  ['zones are not looked at', 'address', 'hasNamedZone(words) ? { words, zone } : undefined', '{ words }'],
  // lines
  ['brackets do not protect', 'field', "character === '['", 'false'],
  ['lines may be a byte longer', 'line', 'MAX_LINE_BYTES = 2047', 'MAX_LINE_BYTES = 2048'],
  ['a backslash joins nothing', 'line', "text[newline - 1] !== '\\\\'", 'true'],
  [
    'a blank before # makes a comment',
    'rule-line',
    "text.startsWith('#') || ",
    "text.trimStart().startsWith('#') || ",
  ],
  [
    'a last line without newline counts',
    'parse',
    "line.end === 'long' || compat === 'libwrap'",
    "line.end === 'long'",
  ],
  // options
  ['an option takes any number of =', 'options', '[ \\t\\r\\n]*=?/', '[ \\t\\r\\n]*=*/'],
  ['allow and deny need not be last', 'options', 'keyword.isLast === true && !isAtEnd', 'false'],
  ['colons are not protected', 'options', "line[end - 1] === '\\\\'", 'false'],
  ['umask is decimal', 'options', 'scanUnsigned(value, 8)', 'scanUnsigned(value, 10)'],
  ['no rule of hosts.allow refuses', 'decide', 'outcome.verdict ?? verdict', 'verdict'],
  // expansions
  ['a shell may see semicolons', 'expand', '!@%', '!@;%'],
  [
    '%h looks the name up',
    'expand',
    "case 'h':\n            return nameOrAddress(request.client);",
    "case 'h':\n            return yield* nameOf(request.client);",
  ],
  ['a user that is not known is told', 'expand', 'request.foldedUser === UNKNOWN', 'false'],
];

/** Mistakes in finding rules fast. */
export const searchMutations: readonly Mutation[] = [
  [
    'the order is that of the tables',
    'candidates',
    'next = Math.min(next, ids[head] ?? Infinity)',
    'next = ids[head] ?? next',
  ],
  ['names are not asked for', 'host-index', 'found.push(index.named)', 'void 0'],
  ['rules behind a daemon that cannot be told yet', 'candidates', 'next >= limit || ', ''],
  [
    'only the longest suffix is tried',
    'text-index',
    "dot = value.indexOf('.', dot + 1))\n            collectIds(index.suffixes",
    'dot = -1)\n            collectIds(index.suffixes',
  ],
  ['nets of one mask only', 'host-index', '(quad & mask) >>> 0', '(quad & 0xffffff00) >>> 0'],
];
