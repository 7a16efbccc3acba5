import t from 'tap';

import { jsonDocument } from '../../lib/words/json.ts';

t.test('a document has its version, and only ASCII', async (t) => {
  t.equal(
    jsonDocument({ a: ['\u009b\u202e', 'ö'] }),
    String.raw`{
  "version": 1,
  "a": [
    "\u009b\u202e",
    "\u00f6"
  ]
}
`,
  );
});
