// Answers of Prometheus as the data frames that the panels of Grafana read.
import { createDataFrame, FieldType, type DataFrame, type Field, type PartialDataFrame } from '@grafana/data';
import type { Target } from './dashboard';
import type { Labels, Series } from './prometheus';

/** The name of a series, as Grafana's data source gives it; nothing where its labels shall name it. */
export function legend(target: Target, expression: string, labels: Labels): string | undefined {
  const { __name__: metric = '', ...others } = labels;
  const format = target.legendFormat ?? '';
  if (format === '__auto') {
    return Object.keys(labels).length ? undefined : expression;
  }
  if (format) {
    return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name) => labels[name] ?? '') || undefined;
  }
  const pairs = Object.entries(others).map(([name, value]) => `${name}="${value}"`);
  return (pairs.length ? `${metric}{${pairs.join(', ')}}` : metric) || expression;
}

/** One frame for each series; `step` (ms) tells the panels where points are missing. */
export function timeSeries(target: Target, expression: string, series: Series[], step?: number): DataFrame[] {
  return series.map(({ metric, values }) => {
    const name = legend(target, expression, metric);
    const frame: PartialDataFrame = {
      refId: target.refId,
      name,
      fields: [
        { name: 'Time', type: FieldType.time, config: { interval: step }, values: values.map(([at]) => at * 1000) },
        {
          name: 'Value',
          type: FieldType.number,
          labels: metric,
          config: { displayNameFromDS: name },
          values: values.map(([, value]) => number(value)),
        },
      ],
    };
    return createDataFrame(frame);
  });
}

/** One frame with a row for each series: the time, a column for each label, the value. */
export function table(target: Target, series: Series[], alone: boolean): DataFrame {
  const names = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))];
  const rows = series.flatMap(({ metric, values }) => values.map(([at, value]) => ({ metric, at, value })));
  const fields: Partial<Field>[] = [
    { name: 'Time', type: FieldType.time, values: rows.map(({ at }) => at * 1000) },
    ...names.map((name) => ({
      name, type: FieldType.string, config: { filterable: true }, values: rows.map(({ metric }) => metric[name] ?? ''),
    })),
    {
      name: alone ? 'Value' : `Value #${target.refId}`,
      type: FieldType.number,
      values: rows.map(({ value }) => number(value)),
    },
  ];
  return createDataFrame({ refId: target.refId, fields: fields as Field[] });
}

/** The cumulative `le` buckets of a histogram as one frame for each bucket with its own count, the least bound first. */
export function buckets(target: Target, series: Series[], step?: number): DataFrame[] {
  const sorted = series
    .filter(({ metric }) => metric.le !== undefined)
    .sort((one, other) => number(one.metric.le!) - number(other.metric.le!));
  let below = new Map<number, number>();
  return sorted.map(({ metric, values }) => {
    const counts = new Map(values.map(([at, value]) => [at * 1000, number(value)]));
    const own = [...counts].map(([at, count]) => Math.max(0, count - (below.get(at) ?? 0)));
    below = counts;
    return createDataFrame({
      refId: target.refId,
      name: metric.le,
      fields: [
        { name: 'Time', type: FieldType.time, config: { interval: step }, values: [...counts.keys()] },
        { name: 'Value', type: FieldType.number, labels: metric, config: { displayNameFromDS: metric.le }, values: own },
      ],
    });
  });
}

function number(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}
