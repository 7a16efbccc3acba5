// The wildcards `*` and `?` of hosts_access(5).

/**
 * Whether `pattern` matches all of `value`; both in one case. As in libwrap, two stars or more in a row want at least
 * one character to be left: `host**` does not match `host`. By hand, since a pattern made to be slow would be so in
 * a RegExp; this one goes back to the last star only.
 */
export function matchesGlob(value: string, pattern: string): boolean {
  let [at, next, star, retry] = [0, 0, -1, 0];
  for (;;) {
    if (pattern[next] === '*') {
      const first = next;
      while (pattern[next] === '*') next++;
      if (next - first > 1 && at === value.length) return false;
      if (next === pattern.length) return true;
      star = next;
      retry = at;
    } else if (next === pattern.length && at === value.length) {
      return true;
    } else if (at < value.length && (pattern[next] === '?' || pattern[next] === value[at])) {
      next++;
      at++;
    } else if (star >= 0 && retry < value.length) {
      next = star;
      at = ++retry;
    } else return false;
  }
}
