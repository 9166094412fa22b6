import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { type Package, packagesIn, sourcesOf } from './bill-of-materials.ts';

/** The pages by their entry points: the dashboard, and the page of the Reveal program. */
const PAGES = { dashboard: 'index.html', reveal: 'reveal.html' } as const;

/**
 * Builds the pages into a folder: `index.html` and `reveal.html`, and for each a script and a style sheet
 * whose names have the hash of their content, so that browsers may keep them for ever. The licences of the
 * packages in them are served beside them.
 *
 * @returns the paths of the source files
 */
export async function buildUi(folder: string): Promise<readonly string[]> {
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
	const { metafile } = await build({
		entryPoints: { dashboard: 'ui/main.tsx', reveal: 'ui/reveal/main.tsx' },
		outdir: folder,
		bundle: true,
		minify: true,
		metafile: true,
		format: 'esm',
		platform: 'browser',
		target: ['chrome120', 'firefox120', 'safari17'],
		jsx: 'automatic',
		jsxImportSource: 'preact',
		entryNames: '[name]-[hash]',
		legalComments: 'none',
	});
	const names = Object.keys(metafile.outputs).map((path) => basename(path));
	for (const [entry, file] of Object.entries(PAGES)) {
		const template = await readFile('ui/index.html', 'utf8');
		const page = template
			.replace('{{script}}', named(names, entry, '.js'))
			.replace('{{style}}', named(names, entry, '.css'))
			.replace(/\n\s*/g, '');
		await writeFile(join(folder, file), page);
	}
	await writeFile(join(folder, 'icon.svg'), await readFile('ui/icon.svg'));
	const sources = sourcesOf(metafile);
	await writeFile(join(folder, 'licenses.txt'), await licenses(await packagesIn(sources)));
	return sources;
}

function named(names: readonly string[], entry: string, extension: string): string {
	const name = names.find((one) => one.startsWith(`${entry}-`) && one.endsWith(extension));
	if (name === undefined) throw new Error(`the page ${entry} has no file ${extension}`);
	return name;
}

async function licenses(packages: readonly Package[]): Promise<string> {
	const texts = packages.map(async ({ name }) => {
		const text = await readFile(join('node_modules', name, 'LICENSE'), 'utf8');
		return `${name}\n\n${text.trim()}\n`;
	});
	return (await Promise.all(texts)).join('\n');
}
