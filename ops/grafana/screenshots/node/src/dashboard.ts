// A dashboard as its JSON file says it: only what the pictures need of the classic schema.
import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  range?: boolean;
  interval?: string;
  hide?: boolean;
}

export interface Panel {
  type: string;
  title?: string;
  description?: string;
  transparent?: boolean;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
  options?: Record<string, any>;
  fieldConfig?: FieldConfigSource;
  transformations?: DataTransformerConfig[];
  interval?: string;
  maxDataPoints?: number;
  timeFrom?: string;
  hideTimeOverride?: boolean;
  collapsed?: boolean;
  panels?: Panel[];
  repeat?: string;
  links?: { title: string; url: string }[];
}

export interface Variable {
  name: string;
  type: string;
  label?: string;
  hide?: number;
  query?: string | { query?: string };
  regex?: string;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string;
  options?: { text: string | string[]; value: string | string[]; selected?: boolean }[];
  current?: { text?: string | string[]; value?: string | string[] };
}

export interface Dashboard {
  title: string;
  uid?: string;
  description?: string;
  timezone?: string;
  refresh?: string | boolean;
  time?: { from: string; to: string };
  panels?: Panel[];
  templating?: { list?: Variable[] };
  annotations?: { list?: { name?: string; enable?: boolean; hide?: boolean; expr?: string; iconColor?: string }[] };
  tags?: string[];
  links?: { type: string; title: string; tags?: string[]; asDropdown?: boolean }[];
}

/** What the page asks its server for: a dashboard and how it shall be shown. */
export interface Request {
  dashboard: Dashboard;
  /** The other dashboards at hand, that its links by tag lead to. */
  others: { title: string; tags: string[] }[];
  theme: 'dark' | 'light';
  /** A relative or absolute time instead of the dashboard's own. */
  from?: string;
  to?: string;
  variables: Record<string, string>;
  /** How often Prometheus scrapes, the least step of a query: the "scrape interval" of Grafana's data source. */
  scrape: string;
}
