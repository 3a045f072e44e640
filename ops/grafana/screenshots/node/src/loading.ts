// What a panel shows: its queries asked, its transformations and its field config applied.
import {
  rangeUtil, standardTransformers, standardTransformersRegistry, transformDataFrame, type DataFrame,
  type FieldConfigSource, type GrafanaTheme2, type TimeRange,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import type { Mark } from './annotations';
import type { Panel, Target } from './dashboard';
import { applied, configured } from './fields';
import { buckets, table, timeSeries } from './frames';
import { atInstant, overRange, type Series } from './prometheus';
import { replaced, worded, type Scope } from './variables';

/** Around a panel: when, what its variables are, what happened then. */
export interface Surroundings {
  range: TimeRange;
  scope: Scope;
  scrape: string;
  timeZone: string;
  theme: GrafanaTheme2;
  marks: Mark[];
}

export interface Loaded {
  frames: DataFrame[];
  source: FieldConfigSource;
  replace: (text: string) => string;
}

const POINTS_MAX = 11_000;

standardTransformersRegistry.setInit(() =>
  [...new Set(Object.values(standardTransformers))].map((one) => ({
    id: one.id, name: one.name, aliasIds: (one as any).aliasIds, description: one.description,
    transformation: async () => one as any, editor: () => null, imageDark: '', imageLight: '',
  }))
);

/** `width` in pixels is how many points a curve can show. Throws what Prometheus finds wrong. */
export async function loaded(panel: Panel, width: number, around: Surroundings): Promise<Loaded> {
  const targets = (panel.targets ?? []).filter((target) => !target.hide);
  const asked = await Promise.all(targets.map((target) => answered(panel, target, width, around, targets.length === 1)));
  const replace = (text: string) => worded(text, around.scope);
  for (const { id } of panel.transformations ?? []) {
    if (!standardTransformersRegistry.getIfExists(id)) {
      throw new Error(`the transformation ${id} is not in the packages of Grafana`);
    }
  }
  const transformed = await lastValueFrom(
    transformDataFrame(panel.transformations ?? [], asked.flat(), { interpolate: replace })
  );
  const source = configured(panel);
  return { frames: applied(transformed, source, around.theme, around.timeZone, replace), source, replace };
}

async function answered(panel: Panel, target: Target, width: number, around: Surroundings, alone: boolean): Promise<DataFrame[]> {
  const { range, scope, scrape } = around;
  const points = panel.maxDataPoints ?? Math.max(1, Math.round(width));
  const least = target.interval || panel.interval || scrape;
  const { intervalMs } = rangeUtil.calculateInterval(range, points, replaced(least, scope));
  const length = range.to.valueOf() - range.from.valueOf();
  const step = Math.max(intervalMs, Math.ceil(length / POINTS_MAX / 1000) * 1000);
  const scraped = rangeUtil.intervalToMs(scrape);
  const seconds = Math.round(length / 1000);
  const expression = replaced(target.expr, scope, {
    __rate_interval: milliseconds(Math.max(step + scraped, 4 * scraped)),
    __interval: milliseconds(step), __interval_ms: String(step),
    __range: `${seconds}s`, __range_s: String(seconds), __range_ms: String(length),
  });
  if (target.instant && !target.range) {
    const series = await atInstant(expression, range.to.valueOf() / 1000);
    return target.format === 'table' ? rows(target, series, alone) : timeSeries(target, expression, series);
  }
  // Both ends on multiples of the step, as Grafana asks: the same points whenever one looks.
  const [start, end] = [range.from, range.to].map((at) => (Math.floor(at.valueOf() / step) * step) / 1000) as [number, number];
  const series = await overRange(expression, start, end, step / 1000);
  switch (target.format) {
    case 'table':
      return rows(target, series, alone);
    case 'heatmap':
      return buckets(target, series, step);
    default:
      return timeSeries(target, expression, series, step);
  }
}

function rows(target: Target, series: Series[], alone: boolean): DataFrame[] {
  return series.length ? [table(target, series, alone)] : [];
}

function milliseconds(length: number): string {
  return length % 1000 ? `${length}ms` : `${length / 1000}s`;
}
