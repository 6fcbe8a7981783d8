// Draws the dashboards as PNG:  node draw.mjs PROMETHEUS_URL MINUTES SCRAPE_INTERVAL_SECONDS DIRECTORY [NAME...]
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';
import UPNG from 'upng-js';

const HERE = dirname(fileURLToPath(import.meta.url));
const BUNDLE = join(HERE, 'node_modules', '.preview');
// Where Grafana serves them, and where they lie here.
const PUBLIC = {
  '/public/build/img/icons/': join(HERE, 'node_modules', '@grafana', 'ui', 'dist', 'public', 'img', 'icons', '/'),
  '/public/fonts/inter/Inter-Regular.woff2': join(
    HERE,
    'node_modules',
    '@fontsource',
    'inter',
    'files',
    'inter-latin-400-normal.woff2',
  ),
  '/public/fonts/inter/Inter-Medium.woff2': join(
    HERE,
    'node_modules',
    '@fontsource',
    'inter',
    'files',
    'inter-latin-500-normal.woff2',
  ),
  '/': join(BUNDLE, '/'),
};
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
const PAGE =
  '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"><body><script src="/page.js"></script>';

const [server, minutes, scrapeInterval, directory, ...names] = process.argv.slice(2);

await build({
  entryPoints: [join(HERE, 'src', 'page.jsx')],
  bundle: true,
  outdir: BUNDLE,
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.ttf': 'file', '.woff': 'file', '.woff2': 'file', '.svg': 'file', '.png': 'file' },
  logLevel: 'error',
});

const files = createServer(async (request, response) => {
  const path = new URL(request.url, 'http://localhost').pathname;
  if (path === '/') {
    response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    return;
  }
  const prefix = Object.keys(PUBLIC).find((one) => path.startsWith(one));
  const file = PUBLIC[prefix] + path.slice(prefix.length);
  const content = await readFile(file).catch(() => null);
  response.writeHead(content ? 200 : 404, { 'content-type': TYPES[extname(file)] ?? 'text/plain' }).end(content);
});
await new Promise((resolve) => files.listen(0, '127.0.0.1', resolve));

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--hide-scrollbars'],
});
try {
  await mkdir(directory, { recursive: true });
  for (const name of names.length > 0 ? names : ['organization', 'access-review', 'exporter']) {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(`${name}: ${error.message}`));
    page.on('response', (answer) => answer.ok() || console.error(`${name}: ${answer.status()} ${answer.url()}`));
    await page.setViewport({ width: 1800, height: 1200, deviceScaleFactor: 1 });
    await page.goto(`http://127.0.0.1:${files.address().port}/`);
    const dashboard = JSON.parse(await readFile(join(HERE, '..', `${name}.json`), 'utf8'));
    const settings = { dashboard, server, minutes: Number(minutes), scrapeInterval: Number(scrapeInterval) };
    const empty = await page.evaluate((settings) => window.draw(settings), settings);
    await page.evaluate(() => document.fonts.ready);
    await page.waitForNetworkIdle({ idleTime: 500 });
    const whole = await page.$('#dashboard');
    const { height } = await whole.boundingBox();
    await page.setViewport({ width: 1800, height: Math.ceil(height), deviceScaleFactor: 1 });
    await page.waitForNetworkIdle({ idleTime: 500 });
    // With 256 colours it takes half the bytes, and looks the same.
    const image = UPNG.decode(await whole.screenshot());
    const small = UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, 256);
    await writeFile(join(directory, `${name}.png`), Buffer.from(small));
    console.log(`${name}.png; panels without data: ${empty.join(', ') || 'none'}`);
    await page.close();
  }
} finally {
  await browser.close();
  files.close();
}
