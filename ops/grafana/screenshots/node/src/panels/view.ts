// What every kind of panel is drawn from.
import type {
  DataFrame, DisplayValueAlignmentFactors, FieldConfigSource, FieldDisplay, GrafanaTheme2, TimeRange, VizOrientation,
} from '@grafana/data';
import type { Mark } from '../annotations';
import type { Panel } from '../dashboard';

export interface View {
  panel: Panel;
  frames: DataFrame[];
  source: FieldConfigSource;
  replace: (text: string) => string;
  width: number;
  height: number;
  range: TimeRange;
  timeZone: string;
  theme: GrafanaTheme2;
  marks: Mark[];
}

/** One of the values that a VizRepeater lays out. */
export interface Repeated {
  value: FieldDisplay;
  width: number;
  height: number;
  orientation: VizOrientation;
  alignmentFactors: DisplayValueAlignmentFactors;
  count: number;
}
