// Caches of computed values.

/** The cached value of a key; `find` computes it the first time. */
export function remember<K, V>(known: Map<K, V>, key: K, find: () => V): V {
  const answer = known.get(key);
  if (answer !== undefined || known.has(key)) return answer as V;
  const fresh = find();
  known.set(key, fresh);
  return fresh;
}

/** The same function, which computes the value of each key once. */
export function memoize<K, V>(find: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => remember(known, key, () => find(key));
}
