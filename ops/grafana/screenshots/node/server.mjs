// Serves the built page, what it shall show, and the Prometheus that it asks, to the browser on this machine.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const KINDS = {
  '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2', '.woff': 'font/woff',
};

/** The server, listening; `shown.request` is what the page is given next. */
export async function serve(folder, prometheus, shown) {
  const server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url, 'http://127.0.0.1');
    try {
      if (pathname === '/request.json') {
        return answer(response, 200, '.json', JSON.stringify(shown.request));
      }
      if (pathname.startsWith('/prometheus/')) {
        const there = await fetch(prometheus.replace(/\/$/, '') + pathname.slice('/prometheus'.length) + search);
        return answer(response, there.status, '.json', await there.text());
      }
      const path = normalize(pathname === '/' ? '/index.html' : pathname);
      return answer(response, 200, extname(path), await readFile(join(folder, path)));
    } catch (error) {
      const away = pathname.startsWith('/prometheus/');
      const said = { status: 'error', errorType: 'no answer', error: `${prometheus}: ${error.cause?.code ?? error.message}` };
      return answer(response, away ? 502 : 404, '.json', JSON.stringify(said));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function answer(response, status, kind, body) {
  response.writeHead(status, { 'content-type': KINDS[kind] ?? 'application/octet-stream' });
  response.end(body);
}
