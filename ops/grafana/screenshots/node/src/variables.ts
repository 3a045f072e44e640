// The variables of a dashboard and the text in which they are replaced.
import type { Dashboard, Variable } from './dashboard';
import { labelValues } from './prometheus';

export interface Chosen {
  name: string;
  label: string;
  /** Values to replace the variable with; one string is taken as it is. */
  value: string | string[];
  /** What the picker at the top shows. */
  text: string;
  /** Whether one value too is written as a regular expression, as Grafana does where several could be chosen. */
  regex: boolean;
  shown: boolean;
}

export type Scope = Map<string, Chosen>;

const ALL = '$__all';
const LABEL_VALUES = /^label_values\(\s*(?:([\s\S]+),)?\s*([a-zA-Z_]\w*)\s*\)$/;
const REFERENCE = /\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]/g;
/** Kinds that no expression of Prometheus holds. */
const SILENT = ['datasource', 'adhoc'];

/** Every variable with what is chosen: what was asked for, else what the dashboard says, else the first value. */
export async function chosen(dashboard: Dashboard, start: number, end: number, asked: Record<string, string>): Promise<Scope> {
  const scope: Scope = new Map();
  for (const one of dashboard.templating?.list ?? []) {
    if (!SILENT.includes(one.type)) {
      const options = await possible(one, scope, start, end);
      scope.set(one.name, choice(one, options, asked[one.name]));
    }
  }
  const unknown = Object.keys(asked).filter((name) => !scope.has(name));
  if (unknown.length) {
    throw new Error(`the dashboard has no variable ${unknown[0]}: it has ${[...scope.keys()].join(', ') || 'none'}`);
  }
  return scope;
}

function choice(one: Variable, options: string[], asked: string | undefined): Chosen {
  const kept = [one.current?.value ?? []].flat();
  const several = asked === undefined ? kept : asked.split(',');
  const all = several.includes(ALL) || several.includes('All') || (!several.length && !!one.includeAll);
  const values = all ? options : several.length ? several : options.slice(0, 1);
  const many = !!one.multi || !!one.includeAll;
  return {
    name: one.name,
    label: one.label || one.name,
    value: all && one.allValue ? one.allValue : many ? values : (values[0] ?? ''),
    text: all ? 'All' : values.join(' + '),
    regex: many,
    shown: !one.hide && one.type !== 'constant',
  };
}

async function possible(one: Variable, scope: Scope, start: number, end: number): Promise<string[]> {
  const listed = (one.options ?? []).flatMap((option) => option.value).filter((value) => value !== ALL);
  const query = replaced(typeof one.query === 'string' ? one.query : (one.query?.query ?? ''), scope);
  switch (one.type) {
    case 'constant':
    case 'textbox':
      return [query];
    case 'custom':
    case 'interval':
      return listed.length ? listed : query.split(',').map((value) => value.trim());
    case 'query': {
      const [, selector, label] = LABEL_VALUES.exec(query.trim()) ?? [];
      if (!label) {
        throw new Error(`the variable ${one.name} asks ${query}: only label_values() can be asked here`);
      }
      const values = await labelValues(label, selector?.trim(), start, end);
      return one.regex ? values.filter((value) => new RegExp(one.regex!.replace(/^\/|\/$/g, '')).test(value)) : values;
    }
    default:
      throw new Error(`the variable ${one.name} is of the kind ${one.type}, which is not known here`);
  }
}

/** The expression with its variables replaced; what no variable is called stays as it stands. */
export function replaced(text: string, scope: Scope, built: Record<string, string> = {}, usual?: string): string {
  return text.replace(REFERENCE, (whole, plain, braced, format, square) => {
    const name: string = plain ?? braced ?? square;
    if (name in built) {
      return built[name]!;
    }
    const one = scope.get(name);
    return one ? written(one, format ?? usual) : whole;
  });
}

/** A text for people with its variables replaced by what the pickers show. */
export function worded(text: string, scope: Scope): string {
  return replaced(text, scope, {}, 'text');
}

function written(one: Chosen, format: string | undefined): string {
  const values = [one.value].flat();
  switch (format) {
    case 'text':
      return one.text;
    case 'csv':
      return values.join(',');
    case 'pipe':
      return values.join('|');
  }
  if (typeof one.value === 'string') {
    return one.value;
  }
  const escaped = one.regex || format === 'regex' ? values.map(escapedForRegex) : values;
  return escaped.length === 1 ? escaped[0]! : `(${escaped.join('|')})`;
}

/** Escaped twice, for the regular expression and for the string in quotes around it, as Grafana does. */
function escapedForRegex(value: string): string {
  return value.replace(/[$^*{}[\]'+?.()|\\]/g, '\\\\$&');
}
