// Text: Markdown or HTML as @grafana/data makes it safe.
import { renderMarkdown, textUtil } from '@grafana/data';
import type { View } from './view';

export function Words({ panel, replace }: View) {
  const { mode = 'markdown', content = '' } = panel.options ?? {};
  const html = mode === 'html' ? textUtil.sanitize(replace(content)) : renderMarkdown(replace(content));
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
}
