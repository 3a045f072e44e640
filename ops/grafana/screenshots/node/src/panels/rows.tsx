// Table: the TableNG component of @grafana/ui with the first frame, as the panel shows it.
import { TableCellHeight } from '@grafana/schema';
import { TableNG } from '@grafana/ui/unstable';
import type { View } from './view';

export function Rows({ panel, frames, source, width, height, range }: View) {
  const options = panel.options ?? {};
  return (
    <TableNG
      data={frames[0]!} width={width} height={height} timeRange={range} fieldConfig={source} structureRev={1}
      noHeader={options.showHeader === false} sortBy={options.sortBy} cellHeight={options.cellHeight ?? TableCellHeight.Sm}
      frozenColumns={options.frozenColumns?.left} enablePagination={options.enablePagination} enableVirtualization={false}
      resizable={false}
    />
  );
}
