// The one form of a host name: lower case, without a dot at its end, and as punycode. Pure.
import { domainToASCII } from 'node:url';

// RFC 1035 with the underscore of RFC 8552. A name whose last label is a number would be an address (WHATWG URL, "ends in a number").
const label = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const form = new RegExp(`^${label}(?:\\.${label})*$`);
const number = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/;

const mostBytes = 253;

/** The one form of a name; undefined if no host can have this name. */
export function toName(text: string): string | undefined {
  // domainToASCII() reads a URL: it takes what lies before '/', and bytes after '%'
  // eslint-disable-next-line no-control-regex
  if (/[\0-\x2c/:-@[-^`{-\x7f]/.test(text)) return undefined;
  const ascii = /[\x80-\uffff]/.test(text) ? domainToASCII(text) : text.toLowerCase();
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  return name.length <= mostBytes && form.test(name) && !number.test(name) ? name : undefined;
}
