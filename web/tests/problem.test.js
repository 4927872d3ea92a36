import assert from 'node:assert/strict';
import { test } from 'node:test';

import { explain, isUndecided, parseRetryAfter, Problem, problemFrom, problemSlug } from '../js/problem.js';

const NOW = Date.parse('2026-01-02T03:04:05.000Z');

test('the slug is the last part of the type, however the type is spelt', () => {
  for (const type of ['https://x.test/problems/rate-limited', 'urn:otp:problem:rate-limited', '/problems/rate-limited/',
    'https://x.test/problems#rate-limited', 'rate-limited']) assert.equal(problemSlug(type), 'rate-limited', type);
  for (const type of [undefined, null, 7, '', '/']) assert.equal(problemSlug(type), 'unknown');
});

test('every problem of the contract has words of its own', () => {
  const slugs = ['invalid-email', 'undeliverable-domain', 'rate-limited', 'unavailable', 'incorrect-code', 'attempts-exhausted',
    'expired', 'already-used', 'canceled', 'superseded', 'not-found', 'network', 'timeout'];
  const words = slugs.map((slug) => explain(new Problem({ slug, title: 'fallback', status: 400 })));
  assert.equal(new Set(words).size, slugs.length);
  assert.ok(!words.some((text) => text.includes('fallback')));
});

test('an unknown problem falls back to title and detail', () => {
  const from = (body) => explain(problemFrom(418, body, null, NOW));
  assert.equal(from({ type: 'x/teapot', title: 'A teapot', detail: 'Short and stout.' }), 'A teapot: Short and stout.');
  assert.equal(from({ type: 'x/teapot', title: 'A teapot' }), 'A teapot');
  assert.equal(from({ type: 'x/constructor' }), 'The service answered with 418.');
  assert.equal(from(null), 'The service answered with 418.');
  assert.equal(from('<html>'), 'The service answered with 418.');
});

test('a wrong code tells what is left', () => {
  const words = (left) => explain(problemFrom(422, { type: 'x/incorrect-code', attempts_left: left }, null, NOW));
  assert.match(words(4), /4 tries left/);
  assert.match(words(1), /One try left/);
  assert.equal(words(undefined), 'That code is not right.');
});

test('Retry-After is seconds or a date', () => {
  assert.equal(parseRetryAfter('42', NOW), 42_000);
  assert.equal(parseRetryAfter('Fri, 02 Jan 2026 03:04:35 GMT', NOW), 30_000);
  assert.equal(parseRetryAfter('Fri, 02 Jan 2026 03:00:00 GMT', NOW), 0);
  assert.equal(parseRetryAfter('9999999', NOW), 86_400_000);
  for (const header of [null, '', ' ', 'soon']) assert.equal(parseRetryAfter(header, NOW), null);
});

test('answers of a proxy in between are understood by their status', () => {
  assert.equal(problemFrom(503, null, '5', NOW).slug, 'unavailable');
  assert.equal(problemFrom(429, null, null, NOW).slug, 'rate-limited');
  assert.equal(problemFrom(404, null, null, NOW).slug, 'not-found');
  assert.equal(problemFrom(500, null, null, NOW).slug, 'unknown');
});

test('a limit says in words what was too much', () => {
  const words = (...policies) => explain(problemFrom(429, { type: 'x/rate-limited', 'violated-policies': policies }, '9', NOW));
  const policies = ['cooldown', 'recipient-3600s', 'guesses', 'ip-60s', 'domain-60s'];
  assert.equal(new Set([...policies.map((policy) => words(policy)), words()]).size, policies.length + 1);
  assert.equal(words('flood'), words('ip-3600s'));
  for (const policy of ['app-60s', 'app-daily-budget', 'daily-budget']) assert.equal(words(policy), words('domain-60s'), policy);
  assert.equal(words('ip-60s', 'recipient-86400s'), words('recipient-3600s'), 'what concerns the person comes first');
  for (const odd of ['recipients', 'other']) assert.equal(words(odd), words(), odd);
  assert.equal(explain(problemFrom(429, { type: 'x/rate-limited', 'violated-policies': 7 }, null, NOW)), words());
});

test('only what may have been granted is asked again as the same wish', () => {
  const undecided = (slug, status) => isUndecided(new Problem({ slug, status }));
  assert.deepEqual([undecided('network', 0), undecided('unavailable', 503), undecided('x', 409)], [true, true, true]);
  assert.deepEqual([undecided('invalid-email', 422), undecided('rate-limited', 429)], [false, false]);
});
