// The page of one dashboard: asks, draws, and says on its body when nothing moves any more.
import { createTheme, dateMath, ThemeContext, type TimeRange } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { marks } from './annotations';
import { Board, box, shown } from './board';
import type { Dashboard, Panel, Request } from './dashboard';
import { loaded, type Surroundings } from './loading';
import type { Outcome } from './tile';
import { chosen } from './variables';

const FONTS = ['400 12px Inter', '500 12px Inter', '400 12px "Roboto Mono"'];
const [QUIET_FRAMES, BETWEEN_MS] = [4, 100];

async function page(): Promise<void> {
  const request: Request = await (await fetch('request.json')).json();
  await initPluginTranslations('grafana');
  const { dashboard } = request;
  const theme = createTheme({ colors: { mode: request.theme } });
  document.body.className = `theme-${request.theme}`;
  const timeZone = !dashboard.timezone || dashboard.timezone === 'browser' ? 'browser' : dashboard.timezone;
  const range = between(request.from ?? dashboard.time?.from ?? 'now-6h', request.to ?? dashboard.time?.to ?? 'now', timeZone);
  const [start, end] = [range.from.valueOf() / 1000, range.to.valueOf() / 1000];
  const scope = await chosen(dashboard, start, end, request.variables);
  const around: Surroundings = {
    range, scope, scrape: request.scrape, timeZone, theme, marks: await marks(dashboard, range, scope, theme),
  };
  const width = innerWidth;
  const outcomes = await outcomesOf(dashboard, around, width);
  const root = document.getElementById('root')!;
  const drawing = createRoot(root);
  // Canvases and tables measure text once: the fonts, which the styles name, are there before anything is drawn.
  flushSync(() => drawing.render(<ThemeContext.Provider value={theme}><GlobalStyles /></ThemeContext.Provider>));
  await Promise.all(FONTS.map((font) => document.fonts.load(font)));
  drawing.render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Board dashboard={dashboard} others={request.others} around={around} outcomes={outcomes} width={width} />
      <PortalContainer />
    </ThemeContext.Provider>
  );
  await still(root);
}

function between(from: string, to: string, timeZone: string): TimeRange {
  const first = dateMath.toDateTime(from, { roundUp: false, timezone: timeZone });
  const last = dateMath.toDateTime(to, { roundUp: true, timezone: timeZone });
  if (!first?.isValid() || !last?.isValid() || !first.isBefore(last)) {
    throw new Error(`no time range from ${from} to ${to}`);
  }
  return { from: first, to: last, raw: { from, to } };
}

async function outcomesOf(dashboard: Dashboard, around: Surroundings, width: number): Promise<Map<Panel, Outcome>> {
  const asked = shown(dashboard).map(async (panel): Promise<[Panel, Outcome]> => {
    try {
      return [panel, { loaded: await loaded(panel, box(panel, width).width, around) }];
    } catch (error) {
      return [panel, { error: error instanceof Error ? error.message : String(error) }];
    }
  });
  return new Map(await Promise.all(asked));
}

/** Waits until some frames in a row have changed nothing: tables and icons come after the first one. */
async function still(root: Element): Promise<void> {
  let changed = true;
  new MutationObserver(() => (changed = true)).observe(root, { childList: true, subtree: true, attributes: true });
  for (let quiet = 0; quiet < QUIET_FRAMES; quiet = changed ? 0 : quiet + 1) {
    changed = false;
    await new Promise(requestAnimationFrame);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
}

page().then(
  () => (document.body.dataset.shown = 'whole'),
  (error) => {
    document.body.dataset.shown = 'failed';
    document.body.dataset.error = error instanceof Error ? error.message : String(error);
  }
);
