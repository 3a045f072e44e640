// One panel in its frame: the PanelChrome of @grafana/ui around what its kind draws, or around what is wrong.
import { PanelChrome, ToolbarButton } from '@grafana/ui';
import { Component, type ComponentType, type ReactNode } from 'react';
import type { Panel } from './dashboard';
import type { Loaded, Surroundings } from './loading';
import { Bars } from './panels/bars';
import { Curves } from './panels/curves';
import { Heat } from './panels/heat';
import { Rows } from './panels/rows';
import { Stat } from './panels/stat';
import { States } from './panels/states';
import type { View } from './panels/view';
import { Words } from './panels/words';
import { worded } from './variables';

const KINDS: Record<string, ComponentType<View>> = {
  timeseries: Curves, stat: Stat, bargauge: Bars, table: Rows, heatmap: Heat, text: Words,
  'state-timeline': States,
};

/** What became of a panel: what it shows, or why it shows nothing. */
export type Outcome = { loaded: Loaded } | { error: string };

interface Props {
  panel: Panel;
  outcome: Outcome;
  around: Surroundings;
  width: number;
  height: number;
}

export function Tile({ panel, outcome, around, width, height }: Props) {
  const error = 'error' in outcome ? outcome.error : undefined;
  const links = panel.links?.length ? <ToolbarButton icon="external-link-alt" iconSize="md" aria-label="links" /> : undefined;
  return (
    <PanelChrome
      width={width} height={height} title={worded(panel.title ?? '', around.scope)} description={panel.description}
      statusMessage={error}
      displayMode={panel.transparent ? 'transparent' : 'default'} titleItems={links}
      padding={panel.type === 'table' ? 'none' : 'md'}
    >
      {(inner, room) => (
        <Caught>
          <Content panel={panel} outcome={outcome} around={around} width={inner} height={room} />
        </Caught>
      )}
    </PanelChrome>
  );
}

function Content({ panel, outcome, around, width, height }: Props) {
  if ('error' in outcome) {
    return <Said state="error">{outcome.error}</Said>;
  }
  const { loaded } = outcome;
  if (panel.type !== 'text' && !loaded.frames.some((frame) => frame.length)) {
    return <Said state="empty">{loaded.source.defaults.noValue ?? 'No data'}</Said>;
  }
  const Kind = KINDS[panel.type];
  if (!Kind) {
    return <Said state="error">{`No package of Grafana carries the panel ${panel.type}`}</Said>;
  }
  const { range, timeZone, theme, marks } = around;
  return <Kind panel={panel} {...loaded} {...{ width, height, range, timeZone, theme, marks }} />;
}

function Said({ state, children }: { state: 'error' | 'empty'; children: ReactNode }) {
  return (
    <div data-state={state} style={{ height: '100%', display: 'grid', placeItems: 'center', textAlign: 'center', opacity: 0.7 }}>
      {children}
    </div>
  );
}

/** What a component throws is said in its panel, and the other panels stay. */
class Caught extends Component<{ children: ReactNode }, { error?: Error }> {
  state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  render() {
    return this.state.error ? <Said state="error">{String(this.state.error)}</Said> : this.props.children;
  }
}
