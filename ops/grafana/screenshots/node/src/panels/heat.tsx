// Heatmap: axes, scales and canvas of @grafana/ui; the cells are drawn here, as no package carries Grafana's own.
import { formattedValueToString, getValueFormat, type DataFrame } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder, VizLayout } from '@grafana/ui';
import * as chromatic from 'd3-scale-chromatic';
import type uPlot from 'uplot';
import type { View } from './view';

interface Cells {
  times: number[];
  step: number;
  /** Upper bounds as they are shown, the least first. */
  bounds: string[];
  /** counts[row][column]; NaN where nothing was measured. */
  counts: number[][];
  /** Of the cells that are filled. */
  least: number;
  most: number;
}

const FILLED_FROM = 1e-9;
const ONE_WAY = new Set([
  'Blues', 'Greens', 'Greys', 'Oranges', 'Purples', 'Reds', 'BuGn', 'BuPu', 'GnBu', 'OrRd', 'PuBuGn', 'PuBu', 'PuRd', 'RdPu',
  'YlGnBu', 'YlGn', 'YlOrBr', 'YlOrRd',
]);

export function Heat({ panel, frames, width, height, range, timeZone, theme }: View) {
  const options = panel.options ?? {};
  const cells = cellsOf(frames, options.yAxis?.unit ?? frames[0]?.fields[1]?.config.unit, options.yAxis?.decimals);
  const colours = palette(options.color, theme.isDark);
  const builder = new UPlotConfigBuilder(timeZone);
  builder.setMode(1);
  builder.setPrepData(([frame]) => [frame!.fields[0]!.values, frame!.fields[1]!.values] as any);
  builder.addScale({
    scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right,
    range: () => [range.from.valueOf(), range.to.valueOf()],
  });
  builder.addScale({
    scaleKey: 'y', orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up, range: () => [0, cells.bounds.length],
  });
  builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone, theme, grid: { show: false } });
  const every = Math.max(1, Math.ceil(cells.bounds.length / Math.max(1, Math.floor(height / 28))));
  builder.addAxis({
    scaleKey: 'y', placement: AxisPlacement.Left, theme, grid: { show: false }, label: options.yAxis?.axisLabel,
    splits: () => cells.bounds.map((_, row) => row + 1).filter((row) => row % every === 0),
    values: (_, splits) => splits.map((row) => cells.bounds[row - 1] ?? ''),
  });
  builder.addSeries({ scaleKey: 'y', theme, lineWidth: 0, fillOpacity: 0, show: true } as any);
  builder.addHook('draw', (plot) => drawn(plot, cells, colours, options.cellGap ?? 1));
  const data = [cells.times, cells.times.map(() => 0)];
  const legend =
    options.legend?.show === false ? null : (
      <VizLayout.Legend placement="bottom" maxHeight="20%">
        <Scale colours={colours} least={cells.least} most={cells.most} muted={theme.colors.text.secondary} />
      </VizLayout.Legend>
    );
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(inner, room) => <UPlotChart config={builder} data={data as any} width={inner} height={room} />}
    </VizLayout>
  );
}

function cellsOf(frames: DataFrame[], unit: string | undefined, decimals: number | undefined): Cells {
  const times = [...new Set(frames.flatMap((frame) => frame.fields[0]!.values as number[]))].sort((one, other) => one - other);
  const step = frames[0]?.fields[0]?.config.interval ?? 15_000;
  const counts = frames.map(({ fields: [time, value] }) => {
    const at = new Map((time!.values as number[]).map((when, index) => [when, value!.values[index] as number]));
    return times.map((when) => at.get(when) ?? NaN);
  });
  const format = getValueFormat(unit ?? 'short');
  const bounds = frames.map(({ name = '' }) =>
    Number.isFinite(Number(name)) ? formattedValueToString(format(Number(name), decimals)) : '+Inf'
  );
  const filled = counts.flat().filter((count) => count > FILLED_FROM);
  return { times, step, bounds, counts, least: Math.min(...filled), most: Math.max(0, ...filled) };
}

/** Colours from the least count to the most, by the scheme, the steps and the direction of the panel's options. */
function palette(given: Record<string, any> = {}, dark: boolean): string[] {
  const { scheme = 'Oranges', steps = 64, reverse = false } = given;
  const named = (chromatic as any)[`interpolate${scheme}`];
  if (!named) {
    throw new Error(`the colour scheme ${scheme} is not known`);
  }
  // Of these Grafana takes the light end for the most in a dark theme, and the dark end in a light one.
  const turned = (dark && ONE_WAY.has(scheme)) !== reverse;
  return Array.from({ length: steps }, (_, index) => {
    const at = index / Math.max(1, steps - 1);
    return named(turned ? 1 - at : at);
  });
}

function drawn(plot: uPlot, { times, step, counts, least, most }: Cells, colours: string[], gap: number): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const between = gap * devicePixelRatio;
  counts.forEach((row, index) => {
    const top = plot.valToPos(index + 1, 'y', true);
    const bottom = plot.valToPos(index, 'y', true);
    row.forEach((count, column) => {
      if (count > FILLED_FROM) {
        const left = plot.valToPos(times[column]! - step, 'x', true);
        const right = plot.valToPos(times[column]!, 'x', true);
        const at = Math.floor(((count - least) / (most - least || 1)) * colours.length);
        ctx.fillStyle = colours[Math.min(colours.length - 1, at)]!;
        ctx.fillRect(left, top, Math.max(1, right - left - between), Math.max(1, bottom - top - between));
      }
    });
  });
  ctx.restore();
}

function Scale({ colours, least, most, muted }: { colours: string[]; least: number; most: number; muted: string }) {
  const short = getValueFormat('short');
  return (
    <div style={{ display: 'flex', alignItems: 'center', gap: 8, color: muted, fontSize: 12, padding: '4px 8px' }}>
      <span>{formattedValueToString(short(Number.isFinite(least) ? least : 0))}</span>
      <div style={{ width: 240, height: 8, borderRadius: 2, background: `linear-gradient(90deg, ${colours.join(', ')})` }} />
      <span>{formattedValueToString(short(most))}</span>
    </div>
  );
}
