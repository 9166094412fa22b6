import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

/** An npm package. */
export interface Package {
	readonly name: string;
	readonly version: string;
	/** An identifier of SPDX, or an expression of several. */
	readonly license: string;
}

/** The source files of which a bundle has at least one byte. */
export function sourcesOf({ outputs }: Metafile): readonly string[] {
	return Object.values(outputs).flatMap(({ inputs }) =>
		Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
	);
}

/**
 * The packages of a bundle's files, each version once.
 *
 * @param files paths of source files
 */
export async function packagesIn(files: readonly string[]): Promise<readonly Package[]> {
	const folders = files.flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
	const packages = await Promise.all(
		[...new Set(folders)].map(async (folder) => {
			const { name, version, license } = JSON.parse(
				await readFile(join(folder, 'package.json'), 'utf8'),
			) as Partial<Package>;
			if (name === undefined || version === undefined || typeof license !== 'string')
				throw new Error(`${folder}/package.json does not say its name, version and license`);
			return { name, version, license };
		}),
	);
	// A package may be installed at several places.
	return [...new Map(packages.map((one) => [`${one.name}@${one.version}`, one])).values()];
}

/** Bun, which the fetcher's executable contains. It has one package for each platform, of one version. */
export async function bunPackage(): Promise<Package> {
	const lock = JSON.parse(await readFile(join(import.meta.dirname, '../package-lock.json'), 'utf8')) as Lock;
	const { version = '', license = '' } = lock.packages['node_modules/@oven/bun-linux-x64'] ?? {};
	return { name: 'bun', version, license };
}

interface Lock {
	readonly packages: Readonly<Record<string, { readonly version: string; readonly license: string }>>;
}

/**
 * The contents of a program, sorted by name, as CycloneDX 1.6 in JSON: scanners cannot read a bundle or an
 * executable.
 */
export function billOfMaterials(program: string, packages: readonly Package[]): string {
	const components = packages.toSorted(byName).map(({ name, version, license }) => ({
		type: 'library',
		name,
		version,
		licenses: [/^[\w.+-]+$/.test(license) ? { license: { id: license } } : { expression: license }],
		purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
	}));
	const metadata = { component: { type: 'application', name: `envtier-${program}` } };
	const document = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata, components };
	return `${JSON.stringify(document, undefined, '\t')}\n`;
}

function byName(a: Package, b: Package): number {
	if (a.name !== b.name) return a.name < b.name ? -1 : 1;
	return a.version < b.version ? -1 : 1;
}
