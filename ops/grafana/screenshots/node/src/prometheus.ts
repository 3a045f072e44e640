// What the HTTP API of Prometheus answers; the page's server passes the questions on.
export type Labels = Record<string, string>;
export type Point = [seconds: number, value: string];

export interface Series {
  metric: Labels;
  values: Point[];
}

async function asked(path: string, parameters: [string, string][]): Promise<any> {
  const answer = await fetch(`prometheus/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const text = await answer.text();
  let said: any;
  try {
    said = JSON.parse(text);
  } catch {
    throw new Error(`Prometheus answers ${answer.status}: ${text.slice(0, 200)}`);
  }
  if (said.status !== 'success') {
    throw new Error(`${said.errorType ?? answer.status}: ${said.error ?? 'no reason given'}`);
  }
  return said.data;
}

/** The series of an expression at one instant (seconds); a scalar is a series without labels. */
export async function atInstant(query: string, time: number): Promise<Series[]> {
  const { resultType, result } = await asked('query', [['query', query], ['time', String(time)]]);
  if (resultType === 'scalar') {
    return [{ metric: {}, values: [result] }];
  }
  if (resultType !== 'vector') {
    throw new Error(`an instant query that answers a ${resultType}: ${query}`);
  }
  return result.map((one: { metric: Labels; value: Point }) => ({ metric: one.metric, values: [one.value] }));
}

/** The series of an expression from start to end, both included, every step; all in seconds. */
export async function overRange(query: string, start: number, end: number, step: number): Promise<Series[]> {
  const { result } = await asked('query_range', [
    ['query', query], ['start', String(start)], ['end', String(end)], ['step', String(step)],
  ]);
  return result;
}

/** The values of a label, of all series or of those that a selector names, seen from start to end. */
export async function labelValues(label: string, selector: string | undefined, start: number, end: number): Promise<string[]> {
  const matching: [string, string][] = selector ? [['match[]', selector]] : [];
  return asked(`label/${label}/values`, [...matching, ['start', String(start)], ['end', String(end)]]);
}
