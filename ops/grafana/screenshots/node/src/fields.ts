// The field config of a panel applied to its frames: units, thresholds, colours, names, overrides.
import {
  applyFieldOverrides, cacheFieldDisplayNames, displayNameOverrideProcessor, FieldConfigOptionsRegistry,
  identityOverrideProcessor, numberOverrideProcessor, thresholdsOverrideProcessor, unitOverrideProcessor, type DataFrame,
  type FieldConfigSource, type GrafanaTheme2,
} from '@grafana/data';
import type { Panel } from './dashboard';

// What a panel of each kind starts with where the dashboard says nothing: Grafana keeps it with its panel plugins,
// which no package carries.
const CUSTOM: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', spanNulls: false,
    showPoints: 'auto', pointSize: 5, barAlignment: 0, barWidthFactor: 0.6, stacking: { mode: 'none', group: 'A' },
    axisPlacement: 'auto', axisLabel: '', axisGridShow: true, axisBorderShow: false, axisCenteredZero: false,
    axisColorMode: 'text', scaleDistribution: { type: 'linear' }, thresholdsStyle: { mode: 'off' },
    hideFrom: { legend: false, tooltip: false, viz: false },
  },
  table: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false },
};
const THRESHOLDS = { mode: 'absolute', steps: [{ value: null, color: 'green' }, { value: 80, color: 'red' }] };
const PROCESSORS = {
  unit: unitOverrideProcessor, min: numberOverrideProcessor, max: numberOverrideProcessor,
  decimals: numberOverrideProcessor, displayName: displayNameOverrideProcessor, noValue: identityOverrideProcessor,
  thresholds: thresholdsOverrideProcessor, mappings: identityOverrideProcessor, links: identityOverrideProcessor,
  color: identityOverrideProcessor, fieldMinMax: identityOverrideProcessor, filterable: identityOverrideProcessor,
  description: identityOverrideProcessor,
};

/** The field config of a panel with what its kind of panel starts with. */
export function configured(panel: Panel): FieldConfigSource {
  const given = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  const palette = panel.type === 'timeseries' ? 'palette-classic' : 'thresholds';
  const defaults = {
    color: { mode: palette }, thresholds: THRESHOLDS, ...given.defaults,
    custom: { ...CUSTOM[panel.type], ...given.defaults?.custom },
  };
  return JSON.parse(JSON.stringify({ defaults, overrides: given.overrides ?? [] }), (key, value) =>
    // JSON has no -Infinity: the first step of thresholds is written as null, and compared as a number.
    key === 'steps' && Array.isArray(value) ? value.map((step) => ({ ...step, value: step.value ?? -Infinity })) : value
  );
}

export function applied(
  frames: DataFrame[], source: FieldConfigSource, theme: GrafanaTheme2, timeZone: string,
  replaceVariables: (text: string) => string
): DataFrame[] {
  const registry = registryFor(source);
  const shown = applyFieldOverrides({
    data: frames, fieldConfig: source, fieldConfigRegistry: registry, replaceVariables, theme, timeZone,
  });
  cacheFieldDisplayNames(shown); // tables show what is kept there
  return shown;
}

function registryFor(source: FieldConfigSource): FieldConfigOptionsRegistry {
  const named = source.overrides.flatMap((rule) => rule.properties.map(({ id }) => id));
  const custom = named.filter((id) => id.startsWith('custom.')).map((id) => id.slice('custom.'.length));
  const paths = new Set([...Object.keys(source.defaults.custom ?? {}), ...custom]);
  const unknown = named.filter((id) => !id.startsWith('custom.') && !(id in PROCESSORS));
  if (unknown.length) {
    throw new Error(`an override of ${unknown[0]}, which is not known here`);
  }
  const item = (id: string, path: string, isCustom: boolean, process: (value: any, ...rest: any[]) => any) => ({
    id, path, name: id, isCustom, process, shouldApply: () => true, editor: () => null, override: () => null,
  });
  return new FieldConfigOptionsRegistry(() => [
    ...Object.entries(PROCESSORS).map(([id, process]) => item(id, id, false, process)),
    ...[...paths].map((path) => item(`custom.${path}`, path, true, identityOverrideProcessor)),
  ]);
}
