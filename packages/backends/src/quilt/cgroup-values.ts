/** A number of bytes, processes or time in a file of a group; undefined for none, `max`, rubbish, and what no machine has. */
export function limitValue(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text === '' || !(value >= 0 && value < 2 ** 62) ? undefined : value;
}

/** The value of a key in lines of `key value`. */
export function keyedValue(text: string | undefined, key: string): number | undefined {
  for (const line of text?.split('\n') ?? []) {
    const [name, value] = line.split(' ');
    if (name === key) return limitValue(value);
  }
  return undefined;
}

/** The object without what is undefined. */
export function known<T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}

/** CPUs' worth of time of a quota within a period; undefined where there is no quota. */
export function cpusOf(quotaUs: number | undefined, periodUs: number | undefined): number | undefined {
  if (quotaUs === undefined || periodUs === undefined || quotaUs <= 0 || periodUs <= 0) return undefined;
  return quotaUs / periodUs;
}
