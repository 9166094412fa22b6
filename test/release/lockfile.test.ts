import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, '../..', name), 'utf8'));

interface Locked {
	readonly version: string;
	readonly integrity?: string;
	readonly hasInstallScript?: boolean;
	readonly os?: string | readonly string[];
	readonly cpu?: string | readonly string[];
}
const manifest = read('package.json');
const packages: Readonly<Record<string, Locked>> = read('package-lock.json').packages;
const locked = Object.entries(packages).filter(([path]) => path !== '');

describe('package-lock.json', () => {
	test('names packages', () => expect(locked.length).toBeGreaterThan(100));

	test('has the checksum of each, so that npm ci installs nothing else', () => {
		for (const [path, { integrity }] of locked)
			expect([path, integrity]).toEqual([path, expect.stringMatching(/^sha512-/)]);
	});

	test('names no other install script than those that package.json allows', () => {
		const scripts = locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
		expect(scripts).toEqual(Object.keys(manifest.allowScripts).map((name) => `node_modules/${name}`));
	});
});

describe('the Node that runs everything', () => {
	const NODE = /^node-(bin-)?(linux|darwin)-/;
	const named: readonly (readonly [string, string])[] = Object.entries<string>(
		manifest.optionalDependencies,
	).filter(([name]) => NODE.test(name));

	test('is there for Linux and macOS on both processors', () => {
		const platforms = named.map(([name]) => {
			const { os, cpu } = packages[`node_modules/${name}`] ?? {};
			return `${os} ${cpu}`;
		});
		expect(platforms.sort()).toEqual(['darwin arm64', 'darwin x64', 'linux arm64', 'linux x64']);
	});

	test('has one exact version', () => {
		expect(new Set(named.map(([, version]) => version)).size).toBe(1);
		for (const [name, version] of named) {
			expect(version).toMatch(/^\d+\.\d+\.\d+$/);
			expect(packages[`node_modules/${name}`]?.version).toBe(version);
		}
	});

	test('runs the tests', () => expect(named[0]?.[1]).toBe(process.versions.node));
});
