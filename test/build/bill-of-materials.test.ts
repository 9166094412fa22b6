/** What each program of the images says that it is made of. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { billOfMaterials, packagesIn, sourcesOf } from '../../build/bill-of-materials.ts';
import { buildUi } from '../../build/ui.ts';
import { bundleOf } from '../support/bundles.ts';
import { scratch } from '../support/scratch.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Component {
	readonly name: string;
	readonly version: string;
	readonly licenses: readonly [{ readonly license?: { readonly id: string }; readonly expression?: string }];
	readonly purl: string;
}

let folder: string;
const billOf = async (program: string): Promise<readonly Component[]> => {
	const text = await readFile(join(folder, `${program}.cdx.json`), 'utf8');
	const document = JSON.parse(text) as { bomFormat: string; components: Component[] };
	expect(document).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
	return document.components;
};
const manifestOf = async (name: string): Promise<{ version: string; license: string }> =>
	JSON.parse(await readFile(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'));

beforeAll(async () => {
	folder = dirname(await bundleOf('api'));
});

test('each package in the pages of the dashboard is in the bill of the API, with version and licence', async () => {
	// What esbuild says about the pages, without our code.
	const { metafile } = await build({
		entryPoints: [join(ROOT, 'ui/main.tsx'), join(ROOT, 'ui/reveal/main.tsx')],
		...{ bundle: true, write: false, metafile: true, outdir: 'out', absWorkingDir: ROOT },
		...{ jsx: 'automatic', jsxImportSource: 'preact', format: 'esm' },
	});
	const names = new Set<string>();
	for (const path of Object.keys(metafile.inputs)) {
		const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
		if (name !== undefined) names.add(name);
	}
	expect([...names].sort()).toEqual(['@tanstack/virtual-core', 'preact']);
	const bill = await billOf('api');
	for (const name of names) {
		const { version, license } = await manifestOf(name);
		const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
		const found = bill.find((one) => one.name === name);
		expect(found).toMatchObject({ version, purl, licenses: [{ license: { id: license } }] });
	}
	// Their licences are served beside the pages.
	const texts = await readFile(join(folder, 'ui/licenses.txt'), 'utf8');
	for (const name of names) expect(texts).toContain(`${name}\n\n`);
});

test('the pages are made of the sources that the build returns', async () => {
	await using place = await scratch('ui');
	const sources = await buildUi(join(place.dir, 'ui'));
	expect(sources).toContain('ui/main.tsx');
	expect((await packagesIn(sources)).map(({ name }) => name).sort()).toEqual([
		'@tanstack/virtual-core',
		'preact',
	]);
	const scripts = (await readdir(join(place.dir, 'ui'))).filter((name) => name.endsWith('.js'));
	expect(scripts).toHaveLength(2);
});

describe.each(['webhook', 'api', 'controller'])('%s', (program) => {
	test('every package has its version and its licence, once', async () => {
		const bill = await billOf(program);
		expect(bill.length).toBeGreaterThan(20);
		expect(new Set(bill.map(({ purl }) => purl)).size).toBe(bill.length);
		for (const { version, licenses } of bill) {
			expect(version).toMatch(/^\d+\.\d+\.\d+/);
			expect(licenses[0].license?.id ?? licenses[0].expression).toMatch(/^[A-Z0-9(]/);
		}
	});

	test('what a plugin bundles first is in it, and no package that is left out', async () => {
		const names = (await billOf(program)).map(({ name }) => name);
		// KubeConfig and the parser of its file.
		expect(names).toEqual(expect.arrayContaining(['@kubernetes/client-node', 'js-yaml', 'express']));
		for (const name of ['axios', 'iconv-lite', 'undici', 'esbuild', 'vitest'])
			expect(names).not.toContain(name);
	});
});

test('an expression of licences is one, and a package without a licence stops the build', async () => {
	const bill = billOfMaterials('x', [{ name: '@a/b', version: '1.0.0', license: '(MIT OR Apache-2.0)' }]);
	expect(JSON.parse(bill)).toMatchObject({
		components: [{ purl: 'pkg:npm/%40a/b@1.0.0', licenses: [{ expression: '(MIT OR Apache-2.0)' }] }],
	});
	await using place = await scratch('bill');
	const bare = join(place.dir, 'node_modules/bare');
	await mkdir(bare, { recursive: true });
	await writeFile(join(bare, 'package.json'), '{"name":"bare","version":"1.0.0"}');
	await expect(packagesIn([join(bare, 'index.js')])).rejects.toThrow(
		'does not say its name, version and license',
	);
	const outputs = { out: { inputs: { used: { bytesInOutput: 1 }, unused: { bytesInOutput: 0 } } } };
	expect(sourcesOf({ inputs: {}, outputs } as never)).toEqual(['used']);
});
