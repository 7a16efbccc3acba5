// Services as TOML that readToml() reads again.
import { stringify } from 'smol-toml';

import { quote } from '../../words/quote.ts';
import { serveOptions } from '../serve-options.ts';
import type { ConfiguredService } from './configured-service.ts';
import type { ConfiguredOption } from '../../values/toml-options.ts';

type Value = string | boolean | readonly string[];

function keysOf(options: readonly ConfiguredOption[]): Record<string, Value> {
  const known = serveOptions();
  const keys: Record<string, Value> = {};
  for (const { name, word } of options) {
    const before = keys[name];
    const isFlag = known.find((option) => option.name === name)?.metavar === undefined;
    if (isFlag) keys[name] = true;
    else if (before === undefined) keys[name] = word.text;
    else
      keys[name] = [...(Array.isArray(before) ? (before as readonly string[]) : [String(before)]), word.text];
  }
  return keys;
}

/** The text, with the place of each service in its old file. */
export function tomlText(services: readonly ConfiguredService[]): string {
  return services
    .map(({ name, file, line, user, directory, program, arguments: args, options }) => {
      const table = {
        ...keysOf(options),
        user,
        directory,
        program,
        ...(args.length > 0 && { arguments: args }),
      };
      return `# ${quote(file)}${line === undefined ? '' : `:${line}`}\n${stringify({ services: { [name]: table } })}`;
    })
    .join('\n');
}
