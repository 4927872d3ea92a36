import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const html = read('index.html');

/** Everything that the page can make the browser load, all languages included. */
function loaded() {
  const files = new Set(['index.html']);
  for (const [, path] of html.matchAll(/(?:src|href)="([\w./-]+\.(?:js|css|svg))"/g)) files.add(path);
  const queue = [...files].filter((path) => path.endsWith('.js'));
  for (const path of queue) {
    for (const [, name] of read(path).matchAll(/(?:^(?:import|export) (?:[^\n]* from )?|\bimport\(|\bnew URL\()'(\.{1,2}\/[^']+)'/gm)) {
      const file = new URL(name, `file:///${path}`).pathname.slice(1);
      if (!files.has(file)) queue.push(file);
      files.add(file);
    }
  }
  return [...files];
}

/** What goes over the wire: the gateway sends text compressed. */
const weight = (files) => files.reduce((sum, path) => sum + gzipSync(read(path), { level: 9 }).length, 0);

test('the page stays under 60 KB in all, whoever reads it in whatever language', () => {
  const files = loaded();
  for (const needed of ['js/page.js', 'js/otp-verify.js', 'js/messages/de.js', 'js/messages/en.js', 'styles/page.css', 'favicon.svg']) {
    assert.ok(files.includes(needed), `${needed} is not among ${files.join()}`);
  }
  assert.ok(weight(files) < 60_000, `${weight(files)} bytes`);
});

test('nothing that a strict content security policy forbids', () => {
  assert.doesNotMatch(html, /<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:|data:/);
  for (const path of loaded()) {
    // Addresses in comments load nothing.
    const text = read(path).replaceAll('http://www.w3.org/2000/svg', '').replace(/^\s*\/?\*.*$/gm, '');
    assert.doesNotMatch(text, /https?:\/\/|url\(|@import|\beval\(|innerHTML|insertAdjacentHTML|\.cssText|setAttribute\('style/, path);
  }
});

test('the elements that other tests rely on are there', () => {
  const readme = read('README.md');
  const outside = ['verify', 'connection', 'route', 'total-time', 'log', 'verified', 'token', 'claims', 'copy', 'developer', 'language'];
  for (const id of outside) assert.equal(html.split(`id="${id}"`).length, 2, id);
  const inside = ['email-form', 'email', 'send', 'error', 'stepper', 'status', 'code-form', 'code', 'check', 'resend', 'cancel', 'expires', 'again', 'title'];
  const view = read('js/verify-view.js');
  for (const id of inside) assert.match(view, new RegExp(`['(]${id}'`), id);
  for (const id of [...outside, ...inside]) assert.ok(readme.includes(`#${id}`), `${id} in README.md`);
});

test('every id that the page\u2019s script asks for exists', () => {
  const asked = [...read('js/page.js').matchAll(/element\('([\w-]+)'\)/g)].map(([, id]) => id);
  assert.ok(asked.length > 10);
  for (const id of asked) assert.ok(html.includes(`id="${id}"`), id);
});

test('every text of the page is in the table, and stands in the page in English', async () => {
  const { EN } = await import('../js/messages/en.js');
  const texts = [...html.matchAll(/data-t="([\w.]+)"[^>]*>([^<]*)</g)];
  assert.ok(texts.length > 10);
  for (const [, key, text] of texts) assert.equal(EN[key], text, key);
});

test('each module is loaded by the page or by another page, none is left over', () => {
  const files = new Set(loaded());
  const modules = readdirSync(new URL('../js/', import.meta.url)).filter((name) => name.endsWith('.js'));
  assert.deepEqual(modules.filter((name) => !files.has(`js/${name}`)), []);
});
