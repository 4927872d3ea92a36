// Fetches what some checks need and nothing at run time does: axe-core, React and Vue for the browser tests, the
// TypeScript compiler for the declarations. Into target/web-tools, so that nothing of it gets near the page.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../target/web-tools/', import.meta.url));
const { devDependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** Versions are exact, so what is there can be compared. */
const isThere = ([name, version]) => {
  const file = `${folder}node_modules/${name}/package.json`;
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === version;
};

const missing = Object.entries(devDependencies).filter((entry) => !isThere(entry));
if (missing.length > 0) {
  mkdirSync(folder, { recursive: true });
  const wanted = Object.entries(devDependencies).map(([name, version]) => `${name}@${version}`);
  const options = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', '--fetch-retries=1', '--fetch-timeout=20000'];
  // A registry that does not answer must not hold up whoever waits for this.
  const { status, error } = spawnSync('npm', [...options, ...wanted], { stdio: 'inherit', timeout: 180_000 });
  if (status !== 0) {
    console.error(`not fetched: ${missing.map(([name]) => name).join(', ')} (${error?.message ?? `npm ended with ${status}`})`);
    process.exit(1);
  }
}
