/** Bundles each program into one self-contained file, the very one that its image holds. */
import { build } from 'esbuild';

const programs = ['webhook', 'fetcher'];

for (const program of programs) {
	await build({
		entryPoints: [`${program}/main.ts`],
		outfile: `dist/${program}.mjs`,
		bundle: true,
		platform: 'node',
		format: 'esm',
		target: 'node24',
		legalComments: 'none',
	});
}
