import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** One file of the dashboard. */
export interface DashboardFile {
	readonly type: string;
	readonly bytes: Buffer;
	readonly gzipped: Buffer;
}

/** The files of the dashboard by their names, which are hashed but for `index.html`. */
export type DashboardFiles = ReadonlyMap<string, DashboardFile>;

const TYPES: Readonly<Record<string, string>> = {
	'.html': 'text/html; charset=utf-8',
	'.js': 'text/javascript; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.svg': 'image/svg+xml',
	'.txt': 'text/plain; charset=utf-8',
};

/** Where they are: beside the bundle `api.mjs`, or in dist/ when the sources run. */
const FOLDERS = ['ui/', '../../dist/ui/'];

/**
 * Reads the dashboard's files into memory, so that a request names a file of this list and no path.
 *
 * @param base the URL of the module that runs
 */
export async function readDashboard(base: string = import.meta.url): Promise<DashboardFiles> {
	const compress = promisify(gzip);
	for (const folder of FOLDERS) {
		const path = fileURLToPath(new URL(folder, base));
		const names = await readdir(path).catch(() => undefined);
		if (names === undefined) continue;
		const files = names.flatMap((name) => {
			const type = TYPES[extname(name)];
			return type === undefined ? [] : [{ name, type }];
		});
		return new Map(
			await Promise.all(
				files.map(async ({ name, type }) => {
					const bytes = await readFile(join(path, name));
					return [name, { type, bytes, gzipped: await compress(bytes) }] as const;
				}),
			),
		);
	}
	throw new Error('the files of the dashboard are missing: npm run build makes them');
}
