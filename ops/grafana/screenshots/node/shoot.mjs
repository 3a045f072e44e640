// A picture of every dashboard that the JSON on standard input names; says for each one, a line of JSON, what it shows.
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import puppeteer from 'puppeteer-core';
import { serve } from './server.mjs';

// The same pixels on every machine.
const ALIKE = ['--font-render-hinting=none', '--force-color-profile=srgb', '--hide-scrollbars'];
// Pixels of a row of the grid, and more than what stands above it.
const [ROW, CONTROLS] = [38, 300];
const SHOWN_MS = 180_000;

const asked = JSON.parse(await text(process.stdin));
const shown = {};
const server = await serve(asked.site, asked.prometheus, shown);
const browser = await puppeteer.launch({
  executablePath: asked.chromium,
  headless: true,
  timeout: SHOWN_MS,
  protocolTimeout: SHOWN_MS,
  // The sandbox of Chromium does not start as root, as containers are.
  args: [...ALIKE, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  env: { ...process.env, TZ: 'UTC' },
});
try {
  const dashboards = await Promise.all(asked.dashboards.map(async (path) => [path, JSON.parse(await readFile(path, 'utf8'))]));
  const others = dashboards.map(([, { title, tags = [] }]) => ({ title, tags }));
  for (const [path, dashboard] of dashboards) {
    const { theme, from, to, scrape, variables } = asked;
    shown.request = { dashboard, others, theme, from, to, scrape, variables };
    console.log(JSON.stringify(await shot(path)));
  }
} finally {
  await browser.close();
  server.close();
}

async function shot(path) {
  const page = await browser.newPage();
  page.setDefaultTimeout(SHOWN_MS);
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('requestfailed', (request) => problems.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('response', (answer) => answer.status() === 404 && problems.push(`${answer.url()}: 404`));
  try {
    await page.setViewport({ width: asked.width, height: room(shown.request.dashboard), deviceScaleFactor: asked.scale });
    if (asked.at !== undefined) {
      await page.evaluateOnNewDocument((at) => {
        const [started, real] = [Date.now(), Date.now];
        Date.now = () => at + real() - started;
      }, asked.at * 1000);
    }
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForSelector('body[data-shown]');
    const error = await page.evaluate(() => document.body.dataset.error);
    const picture = join(asked.out, `${basename(path, '.json')}.png`);
    if (error === undefined) {
      await (await page.$('[data-board]')).screenshot({ path: picture });
    }
    const { title } = shown.request.dashboard;
    return { dashboard: path, title, picture, error, problems, panels: await page.evaluate(panels) };
  } finally {
    await page.close();
  }
}

/** The height of a window in which the whole dashboard is seen: a table that is out of sight draws no rows. */
function room({ panels = [] }) {
  const all = panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return CONTROLS + ROW * Math.max(0, ...all.map(({ gridPos: { y, h } }) => y + h));
}

/** Runs in the page: each panel as it stands there; `painted` are the pixels of its canvases that are no shade of grey. */
function panels() {
  const painted = (canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let at = 0; at < data.length; at += 4) {
      found += Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 40;
    }
    return found;
  };
  return [...document.querySelectorAll('[data-panel]')].map((panel) => {
    const said = panel.querySelector('[data-state]');
    const canvases = [...panel.querySelectorAll('canvas')].filter(({ width, height }) => width && height);
    const content = said ?? panel.querySelector('[data-testid="data-testid panel content"]');
    return {
      type: panel.dataset.type,
      title: panel.querySelector('h2, h3')?.textContent ?? '', state: said?.dataset.state ?? 'shown',
      said: content?.innerText ?? '',
      painted: canvases.reduce((sum, canvas) => sum + painted(canvas), 0),
    };
  });
}
