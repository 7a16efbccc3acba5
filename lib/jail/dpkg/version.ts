// Compares version numbers of Debian packages (deb-version(7)).

export type Operator = '<<' | '<=' | '=' | '>=' | '>>';

/** Whether `version` stands in that relation to `other`. */
export function isInRelation(version: string, operator: Operator, other: string): boolean {
  const order = compareVersions(version, other);
  switch (operator) {
    case '<<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    case '>>':
      return order > 0;
    default:
      return operator satisfies never;
  }
}

/** Negative if `a` is the older one, 0 if they are the same, positive if it is the newer one. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  return (
    compareNumbers(left.epoch, right.epoch) ||
    compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision)
  );
}

function partsOf(version: string): {
  readonly epoch: string;
  readonly upstream: string;
  readonly revision: string;
} {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? '0' : version.slice(0, colon),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

// Text and numbers in turn, text first: "Sorting algorithm" of deb-version(7).
function compareParts(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const order = weight(a, i) - weight(b, j);
      if (order !== 0) return order;
      i++;
      j++;
    }
    const [start, begin] = [i, j];
    while (isDigit(a, i)) i++;
    while (isDigit(b, j)) j++;
    const order = compareNumbers(a.slice(start, i), b.slice(begin, j));
    if (order !== 0) return order;
  }
  return 0;
}

// Of any length: a date and a hash make numbers beyond 2^53.
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return left.length - right.length || (left < right ? -1 : left === right ? 0 : 1);
}

// A tilde comes before even the end, then letters, then all else.
function weight(text: string, at: number): number {
  const character = text[at];
  if (character === undefined || isDigit(text, at)) return 0;
  if (character === '~') return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}
