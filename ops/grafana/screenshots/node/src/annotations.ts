// The annotations of a dashboard: when what its queries find began and ended, drawn over the curves.
import type { GrafanaTheme2, TimeRange } from '@grafana/data';
import type uPlot from 'uplot';
import type { Dashboard } from './dashboard';
import { overRange } from './prometheus';
import { replaced, type Scope } from './variables';

export interface Mark {
  from: number;
  to: number;
  colour: string;
}

const STEP_S = 60; // as Grafana asks where an annotation says no other

/** Points that are not 0 and follow each other are one mark, as Grafana joins them. */
export async function marks(dashboard: Dashboard, range: TimeRange, scope: Scope, theme: GrafanaTheme2): Promise<Mark[]> {
  const asked = (dashboard.annotations?.list ?? []).filter((one) => one.enable && !one.hide && one.expr);
  const [start, end] = [range.from, range.to].map((at) => Math.floor(at.valueOf() / 1000 / STEP_S) * STEP_S) as [number, number];
  const found = await Promise.all(
    asked.map(async (one) => {
      const series = await overRange(replaced(one.expr!, scope), start, end, STEP_S);
      const colour = theme.visualization.getColorByName(one.iconColor ?? 'red');
      return series.flatMap(({ values }) => joined(values.filter(([, value]) => Number(value)).map(([at]) => at * 1000), colour));
    })
  );
  return found.flat();
}

function joined(times: number[], colour: string): Mark[] {
  const found: Mark[] = [];
  for (const at of times) {
    const last = found.at(-1);
    if (last && at - last.to <= STEP_S * 1000) {
      last.to = at;
    } else {
      found.push({ from: at, to: at, colour });
    }
  }
  return found;
}

/** Over a plot: a veil while it lasted, a dashed line where it began and ended, a bar on the time axis. */
export function drawn(plot: uPlot, marks: Mark[]): void {
  const { ctx, bbox } = plot;
  const pixel = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height + 6 * pixel);
  ctx.clip();
  ctx.setLineDash([5 * pixel, 5 * pixel]);
  ctx.lineWidth = 2 * pixel;
  for (const { from, to, colour } of marks) {
    const [left, right] = [plot.valToPos(from, 'x', true), plot.valToPos(to, 'x', true)];
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.globalAlpha = 0.1;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.globalAlpha = 1;
    for (const at of new Set([left, right])) {
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.fillRect(left - 2 * pixel, bbox.top + bbox.height, right - left + 4 * pixel, 5 * pixel);
  }
  ctx.restore();
}
