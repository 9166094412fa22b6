import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const { version } = JSON.parse(text('package.json')) as { version: string };

/** Where else the version has to stand, and what says it there. */
const PLACES: readonly (readonly [string, RegExp])[] = [
	['package-lock.json', /^\t?\s*"version": "([^"]+)"/m],
	['deploy/manifests/base/deployment.yaml', /image: envtier-webhook:(\S+)/],
	['deploy/manifests/base/settings.env', /^ENVTIER_FETCHER_IMAGE=envtier-fetcher:(\S+)$/m],
	['Dockerfile.webhook', /-t envtier-webhook:(\S+)/],
	['Dockerfile.webhook', /VERSION=(\S+)/],
	['Dockerfile.fetcher', /-t envtier-fetcher:(\S+)/],
	['Dockerfile.fetcher', /VERSION=(\S+)/],
	['Dockerfile.api', /-t envtier-api:(\S+)/],
	['Dockerfile.api', /VERSION=(\S+)/],
	['deploy/manifests/api/deployment.yaml', /image: envtier-api:(\S+)/],
];

test.each(PLACES)('%s names the version of package.json (%s)', (path, pattern) => {
	expect(pattern.exec(text(path))?.[1]).toBe(version);
});

test('the chart and what it installs have the version of package.json', () => {
	const chart = parse(text('deploy/chart/Chart.yaml'));
	expect([chart.version, chart.appVersion]).toEqual([version, version]);
});

test('no program has a version of its own', () => {
	for (const path of ['api/main.ts', 'cli/program.ts', 'webhook/main.ts'])
		expect(text(path), path).toContain("package.json' with { type: 'json' }");
});

test('the changelog tells of the version, or of what is unreleased', () => {
	expect(text('CHANGELOG.md')).toMatch(
		new RegExp(`^## (Unreleased|${version.replaceAll('.', '\\.')} )`, 'm'),
	);
});
