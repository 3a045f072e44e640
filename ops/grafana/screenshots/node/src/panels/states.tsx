// State timeline: axes, scales and canvas of @grafana/ui; the states are drawn here, as no package carries Grafana's own.
import { FieldType, getFieldDisplayName, type Field } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder, VizLayout } from '@grafana/ui';
import type uPlot from 'uplot';
import type { View } from './view';

interface Spell {
  from: number;
  to: number;
  colour: string;
  text: string;
}

interface Lane {
  name: string;
  spells: Spell[];
}

export function States({ panel, frames, width, height, range, timeZone, theme }: View) {
  const lanes = frames.flatMap((frame): Lane[] => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    const values = frame.fields.filter((field) => field.type === FieldType.number || field.type === FieldType.string);
    return time ? values.map((field) => ({ name: getFieldDisplayName(field, frame, frames), spells: spells(time, field) })) : [];
  });
  const filled = (panel.options?.rowHeight ?? 0.9) as number;
  const opacity = ((panel.fieldConfig?.defaults.custom?.fillOpacity ?? 70) as number) / 100;
  const builder = new UPlotConfigBuilder(timeZone);
  builder.setPrepData(([frame]) => frame!.fields.map((field) => field.values) as any);
  builder.addScale({
    scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right,
    range: () => [range.from.valueOf(), range.to.valueOf()],
  });
  builder.addScale({
    scaleKey: 'y', orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Down, range: () => [0, lanes.length],
  });
  builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone, theme, grid: { show: false } });
  builder.addAxis({
    scaleKey: 'y', placement: AxisPlacement.Left, theme, grid: { show: false }, ticks: { show: false },
    splits: () => lanes.map((_, lane) => lane + 0.5), values: () => lanes.map(({ name }) => name),
  });
  builder.addSeries({ scaleKey: 'y', theme, lineWidth: 0, fillOpacity: 0, show: true } as any);
  builder.addHook('draw', (plot) => drawn(plot, lanes, filled, opacity, theme.typography.fontFamily, theme.colors.text.primary));
  const ends = [range.from.valueOf(), range.to.valueOf()];
  return (
    <VizLayout width={width} height={height}>
      {(inner, room) => <UPlotChart config={builder} data={[ends, [0, 0]] as any} width={inner} height={room} />}
    </VizLayout>
  );
}

/** Points that look alike and follow each other without a gap are one spell, to the next point or the end of the last step. */
function spells(time: Field, field: Field): Spell[] {
  const step = time.config.interval ?? 15_000;
  const found: Spell[] = [];
  field.values.forEach((value, index) => {
    const { text, color = '#8e8e8e' } = field.display!(value);
    const from: number = time.values[index];
    const last = found.at(-1);
    const follows = last && from <= last.to;
    if (follows && last.text === text && last.colour === color) {
      last.to = from + step;
    } else {
      if (follows) {
        last.to = from;
      }
      found.push({ from, to: from + step, colour: color, text });
    }
  });
  return found;
}

function drawn(plot: uPlot, lanes: Lane[], filled: number, opacity: number, font: string, ink: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${12 * devicePixelRatio}px ${font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  lanes.forEach(({ spells }, lane) => {
    const top = plot.valToPos(lane + (1 - filled) / 2, 'y', true);
    const bottom = plot.valToPos(lane + (1 + filled) / 2, 'y', true);
    for (const { from, to, colour, text } of spells) {
      const left = Math.max(bbox.left, plot.valToPos(from, 'x', true));
      const width = Math.min(bbox.left + bbox.width, plot.valToPos(to, 'x', true)) - left;
      ctx.globalAlpha = opacity;
      ctx.fillStyle = colour;
      ctx.fillRect(left, top, Math.max(1, width), bottom - top);
      ctx.globalAlpha = 1;
      if (ctx.measureText(text).width + 16 < width) {
        ctx.fillStyle = ink;
        ctx.fillText(text, left + 8 * devicePixelRatio, (top + bottom) / 2);
      }
    }
  });
  ctx.restore();
}
