// The page, its icons and its fonts, into a folder: node build.mjs FOLDER MODULES, the second the packages' own folder.
import { build } from 'esbuild';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [folder, modules] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));

await build({
  entryPoints: [join(here, 'src', 'main.tsx')],
  outdir: folder,
  bundle: true,
  minify: true,
  splitting: true,
  format: 'esm',
  target: 'chrome120',
  jsx: 'automatic',
  // An editor that no panel opens.
  external: ['monaco-editor', 'monaco-editor/*', '@monaco-editor/react'],
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  logLevel: 'warning',
});
const icons = join(folder, 'public', 'build', 'img');
await cp(join(modules, '@grafana', 'ui', 'dist', 'public', 'img'), icons, { recursive: true });
// The package has only one of this pair of arrows.
const right = await readFile(join(icons, 'icons', 'unicons', 'angle-double-right.svg'), 'utf8');
const left = right.replace('<svg ', '<svg transform="scale(-1 1)" ');
await writeFile(join(icons, 'icons', 'unicons', 'angle-double-left.svg'), left);

const fonts = {  // where the styles of Grafana look for them
  'inter/Inter-Regular': 'inter/files/inter-latin-400-normal', 'inter/Inter-Medium': 'inter/files/inter-latin-500-normal',
  'inter/Inter-Italic': 'inter/files/inter-latin-400-italic', 'inter/Inter-MediumItalic': 'inter/files/inter-latin-500-italic',
  'roboto/L0xTDF4xlVMF-BfR8bXMIhJHg45mwgGEFl0_3vrtSM1J-gEPT5Ese6hmHSh0mQ': 'roboto-mono/files/roboto-mono-latin-400-normal',
};
for (const [there, font] of Object.entries(fonts)) {
  await cp(join(modules, '@fontsource', `${font}.woff2`), join(folder, 'public', 'fonts', `${there}.woff2`));
}
await writeFile(
  join(folder, 'index.html'),
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>accrual</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="main.css">
<script type="module" src="main.js"></script></head><body style="margin:0"><div id="root"></div></body></html>`
);
