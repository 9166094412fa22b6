import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** An npm package. */
export interface Package {
	readonly name: string;
	readonly version: string;
	readonly license: string;
}

/**
 * The packages of a bundle's files, and Bun, sorted by name.
 *
 * @param files paths of source files
 */
export async function packagesIn(files: readonly string[]): Promise<readonly Package[]> {
	const folders = files.flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
	const lock = JSON.parse(await readFile(join(import.meta.dirname, '../package-lock.json'), 'utf8')) as Lock;
	// Bun has one package for each platform, all with the same version. The executable contains Bun.
	const { version = '', license = '' } = lock.packages['node_modules/@oven/bun-linux-x64'] ?? {};
	const packages = await Promise.all(
		[...new Set(folders)].map(
			async (folder) => JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Package,
		),
	);
	return [...packages, { name: 'bun', version, license }].sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Lock {
	readonly packages: Readonly<Record<string, { readonly version: string; readonly license: string }>>;
}

/** The contents of an executable, as CycloneDX 1.6 in JSON, because scanners cannot read the executable. */
export function billOfMaterials(program: string, packages: readonly Package[]): string {
	const components = packages.map(({ name, version, license }) => ({
		type: 'library',
		name,
		version,
		licenses: [{ license: { id: license } }],
		purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
	}));
	const metadata = { component: { type: 'application', name: `envtier-${program}` } };
	const document = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata, components };
	return `${JSON.stringify(document, undefined, '\t')}\n`;
}
