// Time series: the TimeSeries component of @grafana/ui with the options of the panel, and the annotations over it.
import { FieldType, type DataFrame } from '@grafana/data';
import { LegendDisplayMode, TimeSeries, type UPlotConfigBuilder } from '@grafana/ui';
import { useMemo } from 'react';
import { drawn } from '../annotations';
import type { View } from './view';

export function Curves({ panel, frames, width, height, range, timeZone, marks }: View) {
  const legend = {
    showLegend: true, displayMode: LegendDisplayMode.List, placement: 'bottom' as const, calcs: [], ...panel.options?.legend,
  };
  const finite = useMemo(() => frames.map(graphable), [frames]);
  const marked = new WeakSet<UPlotConfigBuilder>(); // the children are asked for at every look at the same plot
  return (
    <TimeSeries
      frames={finite} width={width} height={height} timeRange={range} timeZone={timeZone} legend={legend}
      options={panel.options ?? {}}
    >
      {(builder) => {
        if (!marked.has(builder)) {
          marked.add(builder);
          builder.addHook('draw', (plot) => drawn(plot, marks));
        }
        return null;
      }}
    </TimeSeries>
  );
}

/** NaN and infinities are gaps, as Grafana's panel makes them: with one of them a scale has no end. */
function graphable(frame: DataFrame): DataFrame {
  return {
    ...frame,
    fields: frame.fields.map((field) =>
      field.type === FieldType.number
        ? { ...field, values: field.values.map((value) => (Number.isFinite(value) ? value : null)) }
        : field
    ),
  };
}
