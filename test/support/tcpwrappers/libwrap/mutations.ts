// Mistakes that the differential test has to find.

/** A mistake: what stands once in a compiled file of lib/tcpwrappers, and what in its place is wrong. */
export type Mutation = readonly [name: string, file: string, from: string, to: string];

/** In reading and in deciding. */
export const mutations: readonly Mutation[] = [
  // lists
  ['EXCEPT in capitals only', 'parse/pattern-list', "fold(word) === 'except'", "word === 'EXCEPT'"],
  [
    'a second EXCEPT is as the first',
    'match/match',
    'isMatch = !isMatch;',
    'if (isMatch) return false; isMatch = true;',
  ],
  ['commas do not separate', 'parse/pattern-list', '/[^, \\t\\r\\n]+/g', '/[^ \\t\\r\\n]+/g'],
  [
    'words are cut at an @ anywhere',
    'parse/pattern-list',
    "findOutside(word, '@', 1)",
    "findOutside(word, '@', 0)",
  ],
  ['ports are names', 'parse/pattern-list', 'port <= 65535', 'port < 0'],
  ['commas separate the words of a file', 'parse/pattern-file', '/[^ \\t-\\r]+/g', '/[^, \\t-\\r]+/g'],
  // words
  ['the user is not looked at', 'match/match', 'answer !== true || user === undefined', 'true'],
  ['.domain matches domain', 'match/match', 'value.length > pattern.text.length && value.', '`.${value}`.'],
  ['prefixes are literal', 'parse/pattern-list', "text.endsWith('.')", "text.endsWith('..')"],
  ['two stars are as one', 'match/match', 'next - first > 1 && at === value.length', 'false'],
  ['case counts', 'text/latin1', 'letters.toLowerCase()', 'letters'],
  ['KNOWN takes paranoid for a name', 'connection/request-info', ' && foldedName !== PARANOID', ''],
  ['KNOWN does not mind the address', 'match/match', 'host.folded !== UNKNOWN && isKnownName', 'isKnownName'],
  [
    'LOCAL takes unknown for a name',
    'match/match',
    "includes('.') && isKnownName(host.foldedName)",
    "includes('.')",
  ],
  [
    'numbers are tried on names',
    'parse/pattern-list',
    'addressOnly: /^[0-9./]*$/.test(word)',
    'addressOnly: false',
  ],
  [
    'the answer about the daemons of another rule counts',
    'match/match',
    'before?.daemons !== rule.daemons || ',
    'before === undefined || ',
  ],
  // networks
  [
    'host bits are masked away',
    'parse/pattern-list',
    "if ((net & ~mask) !== 0)\n        return never('host-bits');\n    return { kind: 'net4', net, mask };",
    "return { kind: 'net4', net: (net & mask) >>> 0, mask };",
  ],
  [
    '/0 of an IPv4 network is everybody',
    'parse/pattern-list',
    'length < 1 || length > 32',
    'length < 0 || length > 32',
  ],
  [
    'host bits of IPv6 count',
    'parse/pattern-list',
    'networkWords(net.words, length), length',
    'networkWords(net.words, 128), length',
  ],
  ['octal is decimal', 'text/address', 'Number.parseInt(part, 8)', 'Number.parseInt(part, 10)'],
  [
    'mapped addresses are not unmapped',
    'text/address',
    'return parseQuad(quad) === undefined ? address : quad;',
    'return address;',
  ],
  [
    'zones are not looked at',
    'text/address',
    'hasNamedZone(words) ? { words, zone } : undefined',
    '{ words }',
  ],
  // lines
  ['brackets do not protect', 'text/latin1', "character === '['", 'false'],
  ['lines may be a byte longer', 'parse/logical-line', 'MAX_LINE_BYTES = 2047', 'MAX_LINE_BYTES = 2048'],
  ['a backslash joins nothing', 'parse/logical-line', "!whole.endsWith('\\\\')", 'true'],
  [
    'a blank before # makes a comment',
    'parse/rule-file',
    "text.startsWith('#') || ",
    "text.trimStart().startsWith('#') || ",
  ],
  [
    'a last line without newline counts',
    'parse/rule-file',
    "line.end === 'long' || compat === 'libwrap'",
    "line.end === 'long'",
  ],
  // options
  ['an option takes any number of =', 'parse/third-field', '[ \\t\\r\\n]*=?/', '[ \\t\\r\\n]*=*/'],
  ['allow and deny need not be last', 'parse/third-field', 'keyword.isLast === true && !isAtEnd', 'false'],
  ['colons are not protected', 'parse/third-field', "line[end - 1] === '\\\\'", 'false'],
  ['umask is decimal', 'parse/third-field', 'scanUnsigned(value, 8)', 'scanUnsigned(value, 10)'],
  ['no rule of hosts.allow refuses', 'decide/ruling', 'outcome.verdict ?? verdict', 'verdict'],
  // expansions
  ['a shell may see semicolons', 'decide/expansion', '!@%', '!@;%'],
  ['%h looks the name up', 'decide/expansion', "letter === 'n')", "letter === 'n' || letter === 'h')"],
  ['a user that is not known is told', 'decide/expansion', 'request.foldedUser === UNKNOWN', 'false'],
];
