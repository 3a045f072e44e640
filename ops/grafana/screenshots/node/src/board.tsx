// A dashboard: its title, its variables and its time above its panels on the grid of 24 columns.
import { Button, Icon, InlineLabel, RefreshPicker, Stack, Text, TimeRangePicker, ToolbarButton } from '@grafana/ui';
import type { Dashboard, Panel, Request } from './dashboard';
import type { Surroundings } from './loading';
import { Tile, type Outcome } from './tile';
import { worded } from './variables';

const COLUMNS = 24;
const CELL_HEIGHT = 30;
const GAP = 8;
const MARGIN = 16;

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Every panel that is shown: what lies in a collapsed row is not. */
export function shown(dashboard: Dashboard): Panel[] {
  return (dashboard.panels ?? []).flatMap((panel) =>
    panel.type === 'row' && !panel.collapsed ? [panel, ...(panel.panels ?? [])] : [panel]
  );
}

/** Where a panel lies in a dashboard of this width, in pixels. */
export function box({ gridPos }: Panel, width: number): Box {
  const column = (width - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS;
  const across = (cells: number) => cells * column + Math.max(0, cells - 1) * GAP;
  return {
    left: Math.round(gridPos.x * (column + GAP)),
    top: gridPos.y * (CELL_HEIGHT + GAP),
    width: Math.floor(across(gridPos.w)),
    height: gridPos.h * CELL_HEIGHT + Math.max(0, gridPos.h - 1) * GAP,
  };
}

interface Props {
  dashboard: Dashboard;
  others: Request['others'];
  around: Surroundings;
  outcomes: Map<Panel, Outcome>;
  width: number;
}

export function Board({ dashboard, others, around, outcomes, width }: Props) {
  const panels = shown(dashboard);
  const height = Math.max(0, ...panels.map((panel) => box(panel, width)).map(({ top, height }) => top + height));
  return (
    <div data-board style={{ background: around.theme.colors.background.canvas, width, padding: MARGIN, boxSizing: 'border-box' }}>
      <Controls dashboard={dashboard} others={others} around={around} />
      <div style={{ position: 'relative', height }}>
        {panels.map((panel, index) => {
          const place = box(panel, width);
          return (
            <div key={index} data-panel={index} data-type={panel.type} style={{ position: 'absolute', ...place }}>
              {panel.type === 'row' ? (
                <Row panel={panel} around={around} />
              ) : (
                <Tile panel={panel} outcome={outcomes.get(panel)!} around={around} width={place.width} height={place.height} />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Row({ panel, around }: { panel: Panel; around: Surroundings }) {
  return (
    <div style={{ display: 'flex', alignItems: 'center', gap: 8, height: '100%' }}>
      <Icon name={panel.collapsed ? 'angle-right' : 'angle-down'} />
      <Text element="h3" variant="h5">
        {worded(panel.title ?? '', around.scope)}
      </Text>
      {panel.collapsed && <Text color="secondary">{`(${panel.panels?.length ?? 0} panels)`}</Text>}
    </div>
  );
}

function Controls({ dashboard, others, around }: { dashboard: Dashboard; others: Request['others']; around: Surroundings }) {
  const nothing = () => {};
  const refresh = typeof dashboard.refresh === 'string' ? dashboard.refresh : '';
  const links = linked(dashboard, others.filter((other) => other.title !== dashboard.title));
  const variables = [...around.scope.values()].filter((one) => one.shown);
  return (
    <div style={{ paddingBottom: MARGIN }}>
      <Stack direction="row" justifyContent="space-between" alignItems="center" gap={2}>
        <Text element="h1" variant="h3" truncate>
          {dashboard.title}
        </Text>
        <Stack direction="row" gap={1}>
          <TimeRangePicker
            value={around.range} timeZone={around.timeZone} onChange={nothing} onChangeTimeZone={nothing} onMoveBackward={nothing}
            onMoveForward={nothing} onZoom={nothing} isOnCanvas
          />
          <RefreshPicker value={refresh} onIntervalChanged={nothing} onRefresh={nothing} isOnCanvas />
        </Stack>
      </Stack>
      {variables.length + links.length > 0 && (
        <div style={{ display: 'flex', flexWrap: 'wrap', gap: 12, paddingTop: 12 }}>
          {variables.map(({ name, label, text }) => (
            <div key={name} style={{ display: 'flex' }}>
              <InlineLabel width="auto">{label}</InlineLabel>
              <ToolbarButton variant="canvas" isOpen={false}>
                {text}
              </ToolbarButton>
            </div>
          ))}
          <div style={{ marginLeft: 'auto', display: 'flex', gap: 8 }}>
            {links.map((title) => (
              <Button key={title} icon="apps" variant="secondary" fill="outline">
                {title}
              </Button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}

/** The titles that the links of a dashboard lead to: every dashboard with their tags, or the one name of a dropdown. */
function linked({ links = [] }: Dashboard, others: Request['others']): string[] {
  return links.flatMap(({ title, tags = [], asDropdown }) => {
    const meant = tags.length ? others.filter((other) => tags.every((tag) => other.tags.includes(tag))) : [];
    return asDropdown || !tags.length ? [title] : meant.map((other) => other.title);
  });
}
