// Draws the dashboards as PNG:  node draw.mjs PROMETHEUS_URL MINUTES SCRAPE_INTERVAL_SECONDS DIRECTORY [NAME...]
import { readFile, mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';

const HERE = dirname(fileURLToPath(import.meta.url));
const BUNDLE = join(HERE, 'node_modules', '.preview');
const ICONS = join(HERE, 'node_modules', '@grafana', 'ui', 'dist', 'public', 'img', 'icons');
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
const PAGE = '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/page.css"><body><script src="/page.js"></script>';

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
  const icons = '/public/build/img/icons/';
  const file = path.startsWith(icons) ? join(ICONS, path.slice(icons.length)) : join(BUNDLE, path.slice(1));
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
    page.on('console', (message) => message.type() === 'error' && console.error(`${name}: ${message.text()}`));
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
    await whole.screenshot({ path: join(directory, `${name}.png`) });
    console.log(`${name}.png; panels without data: ${empty.join(', ') || 'none'}`);
    await page.close();
  }
} finally {
  await browser.close();
  files.close();
}
