// Splits a text of several lines into words. Long lists in the code are written as such a text.

export const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const wordSet = (text: string): ReadonlySet<string> => new Set(words(text));
