// Stat: a BigValue of @grafana/ui for each value.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues, VizOrientation } from '@grafana/data';
import { BigValue, BigValueColorMode, BigValueGraphMode, BigValueJustifyMode, BigValueTextMode, VizRepeater } from '@grafana/ui';
import type { Repeated, View } from './view';

const LAST = { values: false, calcs: ['lastNotNull'], fields: '' };

export function Stat({ panel, frames, source, replace, width, height, range, timeZone, theme }: View) {
  const options = panel.options ?? {};
  const graph = options.graphMode ?? BigValueGraphMode.Area;
  const values = () =>
    getFieldDisplayValues({
      fieldConfig: source, reduceOptions: { ...LAST, ...options.reduceOptions }, replaceVariables: replace, theme, data: frames,
      sparkline: graph !== BigValueGraphMode.None, percentChange: options.showPercentChange, timeZone,
    });
  const one = ({ value, width, height, alignmentFactors, count }: Repeated) => (
    <BigValue
      value={value.display} count={count} width={width} height={height} theme={theme} alignmentFactors={alignmentFactors}
      sparkline={value.sparkline && { ...value.sparkline, timeRange: range }}
      colorMode={options.colorMode ?? BigValueColorMode.Value} graphMode={graph}
      justifyMode={options.justifyMode ?? BigValueJustifyMode.Auto} textMode={options.textMode ?? BigValueTextMode.Auto}
      text={options.text} disableWideLayout={options.wideLayout === false} percentChangeColorMode={options.percentChangeColorMode}
    />
  );
  return (
    <VizRepeater
      getValues={values} getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={one} width={width} height={height}
      source={frames} renderCounter={0} itemSpacing={3} autoGrid orientation={options.orientation ?? VizOrientation.Auto}
    />
  );
}
