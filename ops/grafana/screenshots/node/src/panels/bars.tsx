// Bar gauge: a BarGauge of @grafana/ui for each value.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues, VizOrientation } from '@grafana/data';
import { BarGaugeDisplayMode, BarGaugeNamePlacement, BarGaugeValueMode } from '@grafana/schema';
import { BarGauge, VizRepeater } from '@grafana/ui';
import type { Repeated, View } from './view';

const LAST = { values: false, calcs: ['lastNotNull'], fields: '' };

export function Bars({ panel, frames, source, replace, width, height, timeZone, theme }: View) {
  const options = panel.options ?? {};
  const mode = options.displayMode ?? BarGaugeDisplayMode.Gradient;
  const values = () =>
    getFieldDisplayValues({
      fieldConfig: source, reduceOptions: { ...LAST, ...options.reduceOptions }, replaceVariables: replace, theme,
      data: frames, timeZone,
    });
  const one = ({ value, width, height, alignmentFactors, orientation, count }: Repeated) => (
    <BarGauge
      value={value.display} field={value.field} width={width} height={height}
      theme={theme} orientation={orientation} alignmentFactors={count > 1 ? alignmentFactors : undefined}
      display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0)} displayMode={mode} text={options.text}
      itemSpacing={mode === BarGaugeDisplayMode.Lcd ? 2 : 10} lcdCellWidth={12} showUnfilled={options.showUnfilled ?? true}
      valueDisplayMode={options.valueMode ?? BarGaugeValueMode.Color}
      namePlacement={options.namePlacement ?? BarGaugeNamePlacement.Auto}
    />
  );
  return (
    <VizRepeater
      getValues={values} getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={one} width={width} height={height}
      source={frames} renderCounter={0} itemSpacing={10} orientation={options.orientation ?? VizOrientation.Auto}
      minVizWidth={options.minVizWidth ?? 8} minVizHeight={options.minVizHeight ?? 16} maxVizHeight={options.maxVizHeight ?? 300}
    />
  );
}
