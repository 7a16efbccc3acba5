// The order of the versions of Debian packages, as dpkg compares them (deb-version(7)). Pure.

/** Negative if the first version is older, 0 if they are equal, positive if it is newer. */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [partsOf(one), partsOf(other)];
  return (
    compareParts(a.epoch, b.epoch) ||
    compareParts(a.upstream, b.upstream) ||
    compareParts(a.revision, b.revision)
  );
}

interface Parts {
  readonly epoch: string;
  readonly upstream: string;
  readonly revision: string;
}

function partsOf(version: string): Parts {
  const [, epoch = '', rest = ''] = /^(?:([^:]*):)?(.*)$/s.exec(version) ?? [];
  const dash = rest.lastIndexOf('-');
  if (dash < 0) return { epoch, upstream: rest, revision: '' };
  return { epoch, upstream: rest.slice(0, dash), revision: rest.slice(dash + 1) };
}

// Text and numbers in turn: text by its characters, and numbers by value. They can be larger than 2^53.
function compareParts(one: string, other: string): number {
  const [a, b] = [runsOf(one), runsOf(other)];
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const compare = at % 2 === 0 ? compareTexts : compareNumbers;
    const difference = compare(a[at] ?? '', b[at] ?? '');
    if (difference !== 0) return difference;
  }
  return 0;
}

// Text first, which may be empty.
function runsOf(part: string): readonly string[] {
  const runs = part.match(/\d+|\D+/g) ?? [];
  return /^\d/.test(part) ? ['', ...runs] : runs;
}

function compareNumbers(one: string, other: string): number {
  const [a, b] = [one, other].map((digits) => digits.replace(/^0+/, '')) as [string, string];
  return a.length - b.length || (a < b ? -1 : Number(a > b));
}

function compareTexts(one: string, other: string): number {
  for (let at = 0; at < Math.max(one.length, other.length); at++) {
    const difference = rank(one[at]) - rank(other[at]);
    if (difference !== 0) return difference;
  }
  return 0;
}

// "~" comes before the end, and letters before all else.
function rank(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  return character.charCodeAt(0) + (/[A-Za-z]/.test(character) ? 0 : 256);
}
