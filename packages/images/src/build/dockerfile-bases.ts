/** Most images that one Dockerfile is read to need; more are left to the builder to complain of. */
const maxBases = 64;

/**
 * Names of the images that a Dockerfile builds on or copies from, as far as they can be read without running it: `FROM`,
 * `COPY --from` and `RUN --mount=from`, with the `ARG`s before the first stage put in. Stages of its own are no images.
 */
export function dockerfileBases(
  text: string,
  buildArgs: Readonly<Record<string, string>>,
): readonly string[] {
  const values = new Map<string, string>();
  const stages = new Set<string>(['scratch']);
  const bases = new Set<string>();
  let isBeforeStages = true;
  const add = (name: string): void => {
    const whole = substituted(name, values);
    const isStage = stages.has(whole.toLowerCase()) || /^\d+$/.test(whole);
    if (!isStage && whole !== '' && !whole.includes('$') && bases.size < maxBases) bases.add(whole);
  };
  for (const line of instructions(text)) {
    const [word, rest] = splitOnce(line);
    switch (word.toUpperCase()) {
      case 'ARG':
        if (isBeforeStages) readArgument(rest, buildArgs, values);
        break;
      case 'FROM': {
        isBeforeStages = false;
        const [name = '', as = '', stage = ''] = rest.split(/\s+/).filter((part) => !part.startsWith('--'));
        add(name);
        if (as.toUpperCase() === 'AS') stages.add(stage.toLowerCase());
        break;
      }
      default:
        for (const match of rest.matchAll(/--(?:mount=\S*?\b)?from=([^\s,]+)/g)) add(match[1] ?? '');
    }
  }
  return [...bases];
}

/** Instructions with their continuation lines, without comments. */
function instructions(text: string): readonly string[] {
  const escape = /^#\s*escape\s*=\s*`/im.test(text.slice(0, 200)) ? '`' : '\\';
  const found: string[] = [];
  let open = '';
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line.startsWith('#') || (line === '' && open === '')) continue;
    if (line.endsWith(escape)) {
      open += `${line.slice(0, -1)} `;
      continue;
    }
    found.push(open + line);
    open = '';
  }
  return open === '' ? found : [...found, open];
}

function readArgument(
  text: string,
  given: Readonly<Record<string, string>>,
  values: Map<string, string>,
): void {
  const [name, value] = splitAt(text.trim(), '=');
  const fromCaller = Object.hasOwn(given, name) ? given[name] : undefined;
  const own = value?.replace(/^(["'])(.*)\1$/, '$2');
  const chosen = fromCaller ?? own;
  if (chosen !== undefined) values.set(name, substituted(chosen, values));
}

/** `$NAME`, `${NAME}`, `${NAME:-otherwise}`; what is not known stays. */
function substituted(text: string, values: ReadonlyMap<string, string>): string {
  return text
    .replace(/^(["'])(.*)\1$/, '$2')
    .replaceAll(
      /\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))/g,
      (whole, braced?: string, otherwise?: string, bare?: string) => {
        return values.get(braced ?? bare ?? '') ?? otherwise ?? whole;
      },
    );
}

function splitOnce(line: string): readonly [string, string] {
  const match = /^(\S+)\s+(.*)$/s.exec(line);
  return match === null ? [line, ''] : [match[1] ?? '', match[2] ?? ''];
}

function splitAt(text: string, mark: string): readonly [string, string | undefined] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
