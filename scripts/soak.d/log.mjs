// What the log of the super-server tells of its limits. Pure.

// The clock of the entries is rounded to milliseconds.
const ROUNDING_MS = 2;

/** The most entries that were live at once. */
function mostAtOnce(entries, begin = 'beginMs') {
  const changes = entries.flatMap(({ [begin]: beginMs, endMs }) => [
    [beginMs + ROUNDING_MS, 1],
    [endMs - ROUNDING_MS, -1],
  ]);
  let [live, most] = [0, 0];
  for (const [, change] of changes.toSorted(([a, one], [b, other]) => a - b || one - other))
    most = Math.max(most, (live += change));
  return most;
}

/** The most entries above the rate: with a burst of n it is at most n. */
function mostBurst(entries, perSecond) {
  let [level, most, lastMs] = [0, 0, 0];
  for (const { beginMs } of entries.toSorted((a, b) => a.beginMs - b.beginMs)) {
    level = Math.max(0, level - ((beginMs - lastMs) * perSecond) / 1000) + 1;
    most = Math.max(most, level);
    lastMs = beginMs;
  }
  return most;
}

const GOOD_ENDS = new Set(['exit', 'denied', 'per-source', 'signal']);

function toEntry(line) {
  const entry = JSON.parse(line);
  const sinceMs = Date.parse(entry.time);
  // the limits of a service count programs, and not clients that wait for the rules
  return {
    ...entry,
    acceptedMs: sinceMs,
    beginMs: sinceMs + (entry.waitMs ?? 0),
    endMs: sinceMs + entry.durationMs,
  };
}

export function checkLog(text, limits) {
  const entries = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map(toEntry);
  const problems = text
    .split('\n')
    .filter(
      (line) =>
        line !== '' &&
        !line.startsWith('{') &&
        !/listening|no more connections|ended: no connection/.test(line),
    );
  const counts = {};
  for (const { reason } of entries) counts[reason] = (counts[reason] ?? 0) + 1;
  const served = entries.filter(({ reason }) => reason === 'exit' || reason === 'signal');
  const of = (name) => served.filter(({ service }) => service === name);
  const expect = (isRight, what) => isRight || problems.push(what);
  for (const { reason, pid, rule } of entries) {
    expect(GOOD_ENDS.has(reason), `a connection has ended by ${reason}`);
    if (reason !== 'denied') continue;
    expect(pid === undefined, 'a denied client has got a program');
    expect(rule !== undefined, 'a client was denied without a rule');
  }
  const atOnce = mostAtOnce(of('echo'));
  expect(atOnce <= limits.echo.instances, `${atOnce} connections of the first service at once`);
  for (const address of new Set(of('source').map(({ peer }) => peer.address))) {
    const ofAddress = of('source').filter(({ peer }) => peer.address === address);
    const own = mostAtOnce(ofAddress, 'acceptedMs');
    expect(own <= limits.source.perSource, `${own} connections at once from ${address}`);
  }
  const burst = mostBurst(of('rate'), limits.rate.rate);
  expect(burst <= limits.rate.burst + 1, `a burst of ${burst.toFixed(1)}`);
  return { counts, problems };
}
