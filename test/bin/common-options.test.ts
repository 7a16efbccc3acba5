import t from 'tap';

import { optionLines, toFormat } from '../../lib/bin/common-options.ts';

t.test('a format is text unless it is asked for', async (t) => {
  const formats = ['text', 'json'] as const;
  const read = (text: string) => toFormat({ text, bytes: Buffer.from(text) }, formats);
  t.equal(toFormat(undefined, formats), 'text');
  t.equal(read('json'), 'json');
  const message = (text: string) => `--format must be one of text, json, not '${text}'`;
  t.throws(() => read('jsn'), { message: message('jsn'), hint: 'did you mean --format json?' });
  t.throws(() => read('sarif'), { message: message('sarif'), hint: 'for example --format text' });
});

t.test('the text of a long option is on a line of its own', async (t) => {
  t.equal(
    optionLines([
      { name: 'x'.repeat(20), help: 'short' },
      { name: 'x'.repeat(21), help: 'long' },
      { name: 'name', metavar: 'VALUE', help: 'with a value' },
    ]),
    `  --${'x'.repeat(20)}  short
  --${'x'.repeat(21)}
                          long
  --name VALUE            with a value
`,
  );
});
