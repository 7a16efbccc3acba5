// The JSON schema of the configuration in TOML, made from the option table.
import { optionProperties } from '../../values/toml-options.ts';
import { serveOptions } from '../serve-options.ts';

const text = { type: ['string', 'number'] } as const;

/** Draft 2020-12; editors check a file with it (taplo, Even Better TOML). */
export function configurationSchema(): object {
  const operands = {
    user: { ...text, description: 'the user of the program, USER or USER:GROUP' },
    directory: { type: 'string', description: 'the jail' },
    program: { type: 'string', description: 'path of the program in the jail' },
    arguments: { type: 'array', items: text, description: 'its arguments' },
  };
  const keys = {
    type: 'object',
    properties: { ...operands, ...optionProperties(serveOptions()) },
    additionalProperties: false,
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of uchroot-inetd',
    type: 'object',
    properties: {
      defaults: { $ref: '#/$defs/service', description: 'keys for services that do not set them' },
      services: {
        type: 'object',
        propertyNames: { pattern: '^[A-Za-z0-9][A-Za-z0-9_.@+-]*$' },
        additionalProperties: { $ref: '#/$defs/service' },
      },
    },
    additionalProperties: false,
    $defs: { service: keys },
  };
}
